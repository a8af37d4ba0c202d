import {rm} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import {replaceFile} from '../../disk/index.js';
import {describeRun} from '../../journal/index.js';
import {startChildMeasurer} from '../../measure/index.js';
import {loggedAt, readTrainerState} from '../../models/index.js';
import {renderReport} from '../../render/index.js';
import type {Moment} from '../../types.js';
import type {MeasureOptions} from '../measure.js';
import {modelFolder, specOf} from '../reading-options.js';
import {progressLine} from '../progress-line.js';
import {analysisOf} from './analysis.js';
import {analysisText} from './analysis-text.js';

/** The whole analysis once, of one finetuned model against its pretrained one. */
export async function measureOnce(options: MeasureOptions): Promise<void> {
  const {out} = options;
  const progress = progressLine();
  const say = (line: string): void => progress.notice(line);
  const spec = await specOf(options, say);
  const finetuned = await modelFolder(options.finetuned, say);
  const measurer = startChildMeasurer(spec, {
    onProgress: step => progress.show(step),
    onNotice: (_, message) => progress.notice(message),
  });
  try {
    // What would fail at the end is tried before the hours of work.
    await measurer.check(finetuned);
    if (out !== undefined) await checkWritable(out);
    const info = await measurer.info();
    const baseline = await measurer.baseline();
    const state = await readTrainerState(finetuned);
    const reading = await measurer.read({
      folder: finetuned,
      moment: momentOf(state),
      acquire: options.acquired ?? false,
      convergence: true,
    });
    const analysis = analysisOf(info, baseline, reading);
    const json = `${JSON.stringify(analysis, null, 2)}\n`;
    if (out !== undefined) {
      await replaceFile(join(out, 'analysis.json'), json);
      const config = {pretrained: options.pretrained, finetuned: options.finetuned};
      const id = basename(resolve(options.finetuned));
      const run = await describeRun({...info, id, config});
      await renderReport(
        {
          info: run,
          baseline,
          readings: [reading],
          events: [],
          state: 'finished',
          ...(state ? {} : {subject: id}),
        },
        out,
      );
    }
    progress.end();
    process.stdout.write(options.json ? json : analysisText(analysis, baseline, reading));
  } finally {
    progress.end();
    await measurer.close();
  }
}

/** Steps, epochs and losses where a Trainer left them beside the weights; step 0 where none did. */
function momentOf(state: Awaited<ReturnType<typeof readTrainerState>>): Moment {
  const {step = 0, epoch = null, history = []} = state ?? {};
  return {step, epoch, time: Date.now(), logged: loggedAt(history, step)};
}

async function checkWritable(folder: string): Promise<void> {
  const path = join(folder, '.writable');
  await replaceFile(path, Buffer.alloc(4096));
  await rm(path);
}
