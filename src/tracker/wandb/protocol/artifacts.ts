import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {join, relative, sep} from 'node:path';
import type {Api, RunPath} from './api.js';
import type {Session, StoragePlace} from './session.js';

export interface ArtifactSource {
  /** Artifact name: `model-<run id>`. */
  name: string;
  type: string;
  folder: string;
  aliases: readonly string[];
  metadata: Record<string, unknown>;
  step: number;
}

interface Entry {
  name: string;
  path: string;
  md5: Buffer;
  size: number;
}

/** Hashed while it is read, so a checkpoint of many gigabytes costs no memory. */
async function entryOf(name: string, path: string): Promise<Entry> {
  const hash = createHash('md5');
  let size = 0;
  for await (const chunk of createReadStream(path, {highWaterMark: 1024 * 1024}) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    size += chunk.length;
  }
  return {name, path, md5: hash.digest(), size};
}

async function entriesOf(folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await readdir(folder, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    entries.push(await entryOf(relative(folder, path).split(sep).join('/'), path));
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Digest of a manifest as W&B computes it: md5 over its sorted entries. */
function manifestDigest(entries: readonly Entry[]): string {
  const hash = createHash('md5').update('wandb-artifact-manifest-v1\n');
  for (const {name, md5} of entries) hash.update(`${name}:${md5.toString('base64')}\n`);
  return hash.digest('hex');
}

function field<T>(value: unknown, ...path: string[]): T {
  return path.reduce<unknown>((at, key) => (at as Record<string, unknown> | null)?.[key], value) as T;
}

function targetOf({
  uploadUrl,
  uploadHeaders,
}: {
  uploadUrl: string | null;
  uploadHeaders: string[] | null;
}): StoragePlace {
  return uploadUrl === null ? null : {url: uploadUrl, headers: uploadHeaders ?? []};
}

/**
 * Uploads a folder as a version of an artifact, and gives the version's id. W&B knows a version by its digest: a
 * folder that is already there is not sent again, so a broken upload is simply repeated.
 */
export async function uploadArtifact(
  session: Session,
  api: Api,
  path: RunPath,
  source: ArtifactSource,
): Promise<string> {
  const entries = await entriesOf(source.folder);
  const ids = {entityName: path.entity, projectName: path.project, runName: path.run};
  const created = await session.attempt(() =>
    api.graphql('CreateArtifact', {
      input: {
        ...ids,
        artifactTypeName: source.type,
        artifactCollectionName: source.name,
        digest: manifestDigest(entries),
        digestAlgorithm: 'MANIFEST_MD5',
        aliases: source.aliases.map(alias => ({alias, artifactCollectionName: source.name})),
        metadata: JSON.stringify(source.metadata),
        historyStep: source.step,
        enableDigestDeduplication: true,
      },
    }),
  );
  const artifactID = field<string>(created, 'createArtifact', 'artifact', 'id');
  if (field<string>(created, 'createArtifact', 'artifact', 'state') === 'COMMITTED') {
    await addAliases(session, api, path, {artifactID, name: source.name, aliases: source.aliases});
    return artifactID;
  }
  const manifest = {
    artifactID,
    baseArtifactID: null,
    name: 'wandb_manifest.json',
    ...ids,
    manifestType: 'FULL',
  };
  const draft = await session.attempt(() =>
    api.graphql('CreateArtifactManifest', {...manifest, digest: '', includeUpload: false}),
  );
  const artifactManifestID = field<string>(draft, 'createArtifactManifest', 'artifactManifest', 'id');
  const contents: Record<string, unknown> = {};
  for (const {name, path: file, md5, size} of entries) {
    const digest = md5.toString('base64');
    const ask = async (): Promise<StoragePlace> => {
      const prepared = await session.attempt(() =>
        api.graphql('CreateArtifactFiles', {
          input: {artifactFiles: [{artifactID, artifactManifestID, name, md5: digest}], storageLayout: 'V2'},
        }),
      );
      const [edge] = field<{node: Parameters<typeof targetOf>[0]}[]>(
        prepared,
        'createArtifactFiles',
        'files',
        'edges',
      );
      return targetOf(edge!.node);
    };
    await session.store(ask, {file, size});
    contents[name] = {digest, size, birthArtifactID: artifactID};
  }
  const body = JSON.stringify({
    version: 1,
    storagePolicy: 'wandb-storage-policy-v1',
    storagePolicyConfig: {storageLayout: 'V2'},
    contents,
  });
  const digest = createHash('md5').update(body).digest('base64');
  const ask = async (): Promise<StoragePlace> => {
    const final = await session.attempt(() =>
      api.graphql('CreateArtifactManifest', {...manifest, digest, includeUpload: true}),
    );
    return targetOf(field(final, 'createArtifactManifest', 'artifactManifest', 'file'));
  };
  await session.store(ask, new Uint8Array(Buffer.from(body)));
  await session.attempt(() => api.graphql('CommitArtifact', {artifactID}));
  return artifactID;
}

/** Moves aliases of a collection to a version that is there already. */
export async function addAliases(
  session: Session,
  api: Api,
  {entity: entityName, project: projectName}: RunPath,
  {artifactID, name, aliases}: {artifactID: string; name: string; aliases: readonly string[]},
): Promise<void> {
  const input = {
    artifactID,
    aliases: aliases.map(alias => ({alias, artifactCollectionName: name, entityName, projectName})),
  };
  if (aliases.length > 0) await session.attempt(() => api.graphql('AddAliases', {input}));
}
