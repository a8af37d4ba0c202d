/** Who wrote a checkpoint, as far as its name and its place say. */
export type CheckpointFormat = 'trainer' | 'accelerate' | 'lightning' | 'timm' | 'folder' | 'file' | 'final';

export interface CheckpointName {
  readonly format: CheckpointFormat;
  /**
   * Optimiser step; where only saves or epochs are numbered, how many are done: these numbers begin with 0, and step 0
   * is the pretrained model's. Null where the name has no number.
   */
  readonly step: number | null;
  /** Epochs done, where the name numbers them. */
  readonly epoch: number | null;
}

interface Convention {
  readonly of: 'folder' | 'file';
  readonly pattern: RegExp;
  readonly format: CheckpointFormat;
}

/** First match counts. Groups: `step`, `epoch`, or `count` where the writer numbers its saves. */
const conventions: readonly Convention[] = [
  {of: 'folder', pattern: /^checkpoint-(?<step>\d+)$/, format: 'trainer'},
  {of: 'folder', pattern: /^checkpoint_(?<count>\d+)$/, format: 'accelerate'},
  {of: 'folder', pattern: /^step[-_](?<step>\d+)$/, format: 'accelerate'},
  {of: 'folder', pattern: /^epoch[-_](?<epoch>\d+)$/, format: 'accelerate'},
  // Lightning: `epoch=3-step=1000`, `last`, and the user's own `{epoch}-{val_loss:.2f}`.
  {of: 'file', pattern: /(?:^|[-_.])epoch=(?<epoch>\d+).*[-_.]step=(?<step>\d+)/, format: 'lightning'},
  {of: 'folder', pattern: /(?:^|[-_.])epoch=(?<epoch>\d+).*[-_.]step=(?<step>\d+)/, format: 'lightning'},
  {of: 'file', pattern: /(?:^|[-_.])step=(?<step>\d+)/, format: 'lightning'},
  {of: 'file', pattern: /(?:^|[-_.])epoch=(?<epoch>\d+)/, format: 'lightning'},
  // timm's number is the epoch.
  {of: 'file', pattern: /^checkpoint-(?<epoch>\d+)$/, format: 'timm'},
  {of: 'file', pattern: /^model_best$/, format: 'timm'},
  {of: 'file', pattern: /(?<count>\d+)$/, format: 'file'},
  {of: 'file', pattern: /./, format: 'file'},
  {of: 'folder', pattern: /(?<count>\d+)$/, format: 'folder'},
  {of: 'folder', pattern: /./, format: 'folder'},
];

/** Reads a checkpoint's step and format from the name of its folder, or of its file without `.safetensors`. */
export function checkpointName(name: string, of: 'folder' | 'file'): CheckpointName {
  for (const convention of conventions) {
    const match = convention.of === of ? convention.pattern.exec(name) : null;
    if (match === null) continue;
    const {step, epoch, count} = match.groups ?? {};
    const done = (number: string | undefined): number | null =>
      number === undefined ? null : Number(number) + 1;
    return {
      format: convention.format,
      step: step === undefined ? done(count ?? epoch) : Number(step),
      epoch: done(epoch),
    };
  }
  return {format: of, step: null, epoch: null};
}
