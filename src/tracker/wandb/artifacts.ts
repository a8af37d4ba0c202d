import {createHash} from 'node:crypto';
import {readFile, readdir} from 'node:fs/promises';
import {join, relative, sep} from 'node:path';
import type {Api, RunPath} from './api.js';
import type {Outcome} from './request.js';

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

async function entriesOf(folder: string): Promise<Entry[]> {
  const found = await readdir(folder, {recursive: true, withFileTypes: true});
  const entries: Entry[] = [];
  for (const entry of found) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    const name = relative(folder, path).split(sep).join('/');
    entries.push({name, path, md5: createHash('md5').update(bytes).digest(), size: bytes.length});
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

/**
 * Uploads a folder as a version of an artifact. W&B knows a version by its digest: a folder that is already there is
 * not sent again, so a broken upload is simply repeated.
 */
export async function uploadArtifact(
  attempt: <T>(send: () => Promise<Outcome<T>>) => Promise<T>,
  api: Api,
  path: RunPath,
  source: ArtifactSource,
): Promise<void> {
  const entries = await entriesOf(source.folder);
  const ids = {entityName: path.entity, projectName: path.project, runName: path.run};
  const aliases = source.aliases.map(alias => ({alias, artifactCollectionName: source.name}));
  const created = await attempt(() =>
    api.graphql('CreateArtifact', {
      input: {
        ...ids,
        artifactTypeName: source.type,
        artifactCollectionName: source.name,
        digest: manifestDigest(entries),
        digestAlgorithm: 'MANIFEST_MD5',
        aliases,
        metadata: JSON.stringify(source.metadata),
        historyStep: source.step,
        enableDigestDeduplication: true,
      },
    }),
  );
  const artifactID = field<string>(created, 'createArtifact', 'artifact', 'id');
  if (field<string>(created, 'createArtifact', 'artifact', 'state') === 'COMMITTED') return;
  const manifest = {
    artifactID,
    baseArtifactID: null,
    name: 'wandb_manifest.json',
    ...ids,
    manifestType: 'FULL',
  };
  const draft = await attempt(() =>
    api.graphql('CreateArtifactManifest', {...manifest, digest: '', includeUpload: false}),
  );
  const artifactManifestID = field<string>(draft, 'createArtifactManifest', 'artifactManifest', 'id');
  const contents: Record<string, unknown> = {};
  for (const {name, path: file, md5, size} of entries) {
    const digest = md5.toString('base64');
    const prepared = await attempt(() =>
      api.graphql('CreateArtifactFiles', {
        input: {artifactFiles: [{artifactID, artifactManifestID, name, md5: digest}], storageLayout: 'V2'},
      }),
    );
    const edges = field<{node: {uploadUrl: string | null; uploadHeaders: string[] | null}}[]>(
      prepared,
      'createArtifactFiles',
      'files',
      'edges',
    );
    const {uploadUrl, uploadHeaders} = edges[0]!.node;
    // No URL: the server has a file of this digest.
    if (uploadUrl) {
      const bytes = new Uint8Array(await readFile(file));
      await attempt(() => api.put(uploadUrl, uploadHeaders ?? [], bytes));
    }
    contents[name] = {digest, size, birthArtifactID: artifactID};
  }
  const body = JSON.stringify({
    version: 1,
    storagePolicy: 'wandb-storage-policy-v1',
    storagePolicyConfig: {storageLayout: 'V2'},
    contents,
  });
  const digest = createHash('md5').update(body).digest('base64');
  const final = await attempt(() =>
    api.graphql('CreateArtifactManifest', {...manifest, digest, includeUpload: true}),
  );
  const target = field<{uploadUrl: string; uploadHeaders: string[] | null}>(
    final,
    'createArtifactManifest',
    'artifactManifest',
    'file',
  );
  await attempt(() =>
    api.put(target.uploadUrl, target.uploadHeaders ?? [], new Uint8Array(Buffer.from(body))),
  );
  await attempt(() => api.graphql('CommitArtifact', {artifactID}));
}
