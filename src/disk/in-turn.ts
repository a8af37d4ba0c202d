/** Work that is done one piece after another, in the order it was given. What fails holds up nothing behind it. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();

  /** Does this work when all before it is done or has failed; the outcome is the work's own. */
  do<T>(work: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Resolves when all that was given so far is done or has failed. */
  async done(): Promise<void> {
    await this.#last;
  }
}
