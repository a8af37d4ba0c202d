/** So many lines that are left out are named; the others are counted. */
const NAMED = 20;

/** The lines of a journal that are left out. */
export class LeftOut {
  readonly #named: string[] = [];
  #count = 0;

  add(problem: string): void {
    this.#count++;
    if (this.#count <= NAMED) this.#named.push(problem);
  }

  /** For people: "journal.jsonl line 7 is not JSON". */
  get problems(): string[] {
    const more = this.#count - this.#named.length;
    return [...this.#named, ...(more > 0 ? [`so are ${more} more lines`] : [])];
  }
}

/** One sentence for all that was left out; null where nothing was. */
export function leftOutText(problems: readonly string[]): string | null {
  return problems.length === 0 ? null : `some of its journal is left out: ${problems.join('; ')}`;
}
