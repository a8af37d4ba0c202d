import {createRequire} from 'node:module';
import type {Fingerprint, LayerName, Pooling, RunInfo} from '../types.js';
import {gitCommit} from './git-commit.js';

/** What `run.json` says of a run that starts now, in the working folder. */
export async function describeRun({
  id,
  name = id,
  layers,
  pooling,
  fingerprint,
  probes,
  engine,
  versions = {},
  config = {},
}: {
  id: string;
  name?: string;
  layers: readonly LayerName[];
  pooling: Pooling;
  fingerprint: Fingerprint;
  probes: {count: number; source: string};
  engine: string;
  /** Of other libraries that play a part. */
  versions?: Readonly<Record<string, string>>;
  config?: Readonly<Record<string, unknown>>;
}): Promise<RunInfo> {
  const {version} = createRequire(import.meta.url)('wandb-invariance/package.json') as {version: string};
  return {
    format: 2,
    id,
    name,
    created: Date.now(),
    layers,
    pooling,
    fingerprint,
    probes,
    engine,
    versions: {'wandb-invariance': version, node: process.versions.node, ...versions},
    git: await gitCommit('.'),
    config,
  };
}
