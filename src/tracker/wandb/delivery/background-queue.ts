import {messageOf} from '../../../errors.js';

/** Work that goes on beside the rows, one task after the other. What fails is said, and stops nothing. */
export class BackgroundQueue {
  readonly #onTrouble: (message: string) => void;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(onTrouble: (message: string) => void) {
    this.#onTrouble = onTrouble;
  }

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** `failure` begins the line that says what did not work. */
  do(task: () => Promise<void>, failure: string): void {
    this.#waiting++;
    this.#last = this.#last.then(task).then(
      () => void this.#waiting--,
      error => {
        this.#waiting--;
        this.#onTrouble(`${failure}: ${messageOf(error)}`);
      },
    );
  }

  /** Resolves when all that was to be done is done or has failed. */
  get done(): Promise<void> {
    return this.#last;
  }
}
