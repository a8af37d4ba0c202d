import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {InvarianceError, messageOf} from '../../errors.js';
import {type FolderContents, writeFolder} from '../../models/index.js';
import type {LayersModel, Tf} from './tf.js';
import {vitLayers} from './vit-layers.js';

const TOPOLOGY = 'model.json';
const WEIGHTS = 'weights.bin';

type Artifacts = Parameters<Parameters<Tf['io']['withSaveHandler']>[0]>[0];

/**
 * Writes a model in TensorFlow.js's own format (`model.json`, `weights.bin`), whole or not at all and on every backend:
 * `tf.loadLayersModel('file://…/model.json')` of tfjs-node reads it too. The weights are those of the moment of the call;
 * an optimizer's state is not in it.
 *
 * @param files further files of the folder.
 * @throws InvarianceError `io_failed` where it cannot be written.
 */
export async function saveTfjsModel({
  tf,
  model,
  folder,
  files,
}: {
  tf: Tf;
  model: LayersModel;
  folder: string;
  files?: FolderContents;
}): Promise<void> {
  let artifacts: Artifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(given => {
      artifacts = given;
      return Promise.resolve({modelArtifactsInfo: {dateSaved: new Date(), modelTopologyType: 'JSON'}});
    }),
  );
  const {weightData, weightSpecs, modelTopology, format, generatedBy} = artifacts!;
  const json = {
    modelTopology,
    format,
    generatedBy,
    weightsManifest: [{paths: [WEIGHTS], weights: weightSpecs}],
  };
  await writeFolder(folder, {
    [TOPOLOGY]: JSON.stringify(json),
    [WEIGHTS]: new Uint8Array(tf.io.concatenateArrayBuffers([weightData!].flat())),
    ...files,
  });
}

/**
 * Reads what `saveTfjsModel` wrote, a ViT of ours too.
 * @throws InvarianceError `bad_model` for a folder that holds no such model, or one with custom layers that are not
 *   registered (`tf.serialization.registerClass`); `bad_weights` where the weights are truncated.
 */
export async function loadTfjsModel({tf, folder}: {tf: Tf; folder: string}): Promise<LayersModel> {
  vitLayers(tf);
  const {modelTopology, weightSpecs, weights} = await read(folder);
  const bytes = weightSpecs.reduce(
    (sum, {shape, dtype}) => sum + tf.util.sizeFromShape(shape) * tf.util.bytesPerElement(dtype),
    0,
  );
  if (weights.length !== bytes) {
    throw new InvarianceError(
      'bad_weights',
      `${join(folder, WEIGHTS)} has ${weights.length} bytes where ${TOPOLOGY} names ${bytes}: truncated, or of another model`,
    );
  }
  try {
    const weightData = new Uint8Array(weights).buffer;
    return await tf.loadLayersModel(tf.io.fromMemory({modelTopology, weightSpecs, weightData}));
  } catch (error) {
    throw new InvarianceError('bad_model', `${folder} cannot be built: ${messageOf(error)}`, {cause: error});
  }
}

async function read(folder: string) {
  try {
    const json = JSON.parse(await readFile(join(folder, TOPOLOGY), 'utf8')) as {
      modelTopology: object;
      weightsManifest: {weights: NonNullable<Artifacts['weightSpecs']>}[];
    };
    const weightSpecs = json.weightsManifest.flatMap(group => group.weights);
    return {modelTopology: json.modelTopology, weightSpecs, weights: await readFile(join(folder, WEIGHTS))};
  } catch (error) {
    throw new InvarianceError('bad_model', `${folder} holds no TensorFlow.js model: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
