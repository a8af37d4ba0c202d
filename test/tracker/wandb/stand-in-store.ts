/** What the stand-in of W&B's server remembers: it survives a restart of the HTTP server in front of it. */
export class Store {
  readonly runs = new Map<string, StoredRun>();
  /** Uploaded bodies by storage path. */
  readonly blobs = new Map<string, Buffer>();
  readonly artifacts: StoredArtifact[] = [];
  readonly alerts: Record<string, unknown>[] = [];
  readonly deleted = new Set<string>();

  run(entity: string, project: string, name: string): StoredRun | undefined {
    return this.runs.get(`${entity}/${project}/${name}`);
  }
  /** Puts aliases of a collection on a version, and off all others. */
  alias(version: StoredArtifact, aliases: readonly {alias: string}[]): void {
    for (const {alias} of aliases) {
      for (const other of this.artifacts) {
        if (other.input.artifactCollectionName === version.input.artifactCollectionName)
          other.aliases.delete(alias);
      }
      version.aliases.add(alias);
    }
  }
  /** The only run there is. */
  get only(): StoredRun {
    if (this.runs.size !== 1)
      throw new Error(`the store holds ${this.runs.size} runs: ${[...this.runs.keys()].join()}`);
    return [...this.runs.values()][0]!;
  }
}

export interface StoredRun {
  id: string;
  entity: string;
  project: string;
  name: string;
  displayName: string | null;
  config: Record<string, {value: unknown}>;
  tags: string[];
  notes: string | null;
  group: string | null;
  jobType: string | null;
  commit: string | null;
  host: string | null;
  program: string | null;
  history: string[];
  /** Every line that was overwritten by another text: none, where a client counts rightly. */
  overwritten: {line: number; old: string; new: string}[];
  summary: Record<string, unknown>;
  state: 'running' | 'finished' | 'failed' | 'killed';
  exitcode: number | null;
  files: Set<string>;
  uploaded: string[];
}

export interface StoredArtifact {
  id: string;
  input: Record<string, unknown>;
  state: 'PENDING' | 'COMMITTED';
  /** Each alias of a collection is at one version. */
  aliases: Set<string>;
  manifest: string | null;
}

/** The official client writes bare NaN and Infinity into its summary; here they become the texts of its history. */
export function parseLoose(text: string): Record<string, unknown> {
  return JSON.parse(text.replace(/([:[,])(NaN|-?Infinity)(?=[,\]}])/g, '$1"$2"')) as Record<string, unknown>;
}

export type Line = Record<string, unknown> & {_step: number};

/** The rows of a run as W&B would chart them. */
export function rowsOf(run: StoredRun): Line[] {
  return run.history.map(line => parseLoose(line) as Line);
}
