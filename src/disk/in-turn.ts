/** Work that is done one piece after another, in the order it was given. What fails holds up nothing behind it. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Does this work when all before it is done or has failed; the outcome is the work's own. */
  do<T>(work: () => T | Promise<T>): Promise<T> {
    this.#waiting++;
    const result = this.#last.then(work).finally(() => this.#waiting--);
    this.#last = result.catch(() => {});
    return result;
  }

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** Resolves when all that was given so far is done or has failed. */
  async done(): Promise<void> {
    await this.#last;
  }
}
