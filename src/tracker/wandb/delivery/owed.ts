/** Something that W&B is to get and was not yet seen to have. */
export type Owed =
  /** Rows of the journal and the run's end. */
  | {kind: 'rows'}
  /** What the run's config says of the baseline, and the definitions of its metrics. */
  | {kind: 'config'}
  /** Tables and pictures; they are in the run's folder (`OwedFiles`). */
  | {kind: 'media'; files: number}
  | {kind: 'alert'; layer: string; title: string; text: string}
  /** `checkpoint` is the key of its event. */
  | {kind: 'artifact'; checkpoint: string};

export type OwedOf<Kind extends Owed['kind']> = Extract<Owed, {kind: Kind}>;

function idOf(owed: Owed): string {
  const {kind} = owed;
  if (kind === 'alert') return `${kind} ${owed.layer}`;
  return kind === 'artifact' ? `${kind} ${owed.checkpoint}` : kind;
}

/**
 * All that a run owes to W&B, in its state. What is on the list when the process ends, however it ends, is sent by
 * the next one, or by `sync`; a delivery is done when the list is empty.
 */
export class OwedList {
  readonly #state: {owed: Owed[]};
  readonly #save: () => void;

  constructor(state: {owed: Owed[]}, save: () => void) {
    this.#state = state;
    this.#save = save;
  }

  get isEmpty(): boolean {
    return this.#state.owed.length === 0;
  }

  of<Kind extends Owed['kind']>(kind: Kind): OwedOf<Kind>[] {
    return this.#state.owed.filter((owed): owed is OwedOf<Kind> => owed.kind === kind);
  }

  /** In place of the one of the same name, if there is one. */
  add(owed: Owed): void {
    const at = this.#state.owed.findIndex(other => idOf(other) === idOf(owed));
    if (at >= 0) this.#state.owed[at] = owed;
    else {
      this.#state.owed.push(owed);
      this.#save();
    }
  }

  settle(owed: Owed): void {
    const left = this.#state.owed.filter(other => idOf(other) !== idOf(owed));
    if (left.length === this.#state.owed.length) return;
    this.#state.owed = left;
    this.#save();
  }
}

/** For people: "rows, 12 tables and pictures, and 1 alert"; empty where nothing is owed. */
export function owedText(owed: readonly Owed[]): string {
  const has = (kind: Owed['kind']) => owed.some(each => each.kind === kind);
  const counted = (count: number, one: string, many = `${one}s`) =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  const files = owed.reduce((sum, each) => sum + (each.kind === 'media' ? each.files : 0), 0);
  const parts = [
    ...(has('rows') ? ['rows'] : []),
    ...(has('config') ? ['config and metric definitions'] : []),
    ...counted(files, 'table or picture', 'tables and pictures'),
    ...counted(owed.filter(({kind}) => kind === 'alert').length, 'alert'),
    ...counted(owed.filter(({kind}) => kind === 'artifact').length, 'checkpoint'),
  ];
  return new Intl.ListFormat('en').format(parts);
}
