import {InTurn} from '../../../disk/index.js';
import {messageOf} from '../../../errors.js';

/** Work that goes on beside the rows, one task after the other. What fails is said, and stops nothing. */
export class BackgroundQueue {
  readonly #onTrouble: (message: string) => void;
  readonly #queue = new InTurn();

  constructor(onTrouble: (message: string) => void) {
    this.#onTrouble = onTrouble;
  }

  get isIdle(): boolean {
    return this.#queue.isIdle;
  }

  /** `failure` begins the line that says what did not work. */
  do(task: () => Promise<void>, failure: string): void {
    this.#queue.do(task).catch(error => this.#onTrouble(`${failure}: ${messageOf(error)}`));
  }

  /** Resolves when all that was to be done is done or has failed. */
  get done(): Promise<void> {
    return this.#queue.done();
  }
}
