import type {Scalar} from '@tensorflow/tfjs';

/** What a training loop reports: numbers, or scalars that are still on the device. */
export type Logs = Readonly<Record<string, number | Scalar | undefined>>;

/** What model.fit puts among its logs that is not a measurement. */
const BOOKKEEPING = new Set(['batch', 'size']);

/** Logs as numbers. Reading a scalar waits for the device, so this is called only when the values are used. */
export async function numbersOf(logs: Logs | undefined): Promise<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const [name, value] of Object.entries(logs ?? {})) {
    if (BOOKKEEPING.has(name) || value === undefined) continue;
    values[name] = typeof value === 'number' ? value : (await value.data())[0]!;
  }
  return values;
}

/**
 * The logs of an epoch's end: means over the epoch of what every batch reports get `epoch_` before their name, so that
 * one name means one quantity; validation values keep theirs.
 */
export function epochLogs(logs: Logs | undefined): Logs {
  return Object.fromEntries(
    Object.entries(logs ?? {}).map(([name, value]) => [
      name.startsWith('val_') || name.startsWith('epoch_') ? name : `epoch_${name}`,
      value,
    ]),
  );
}
