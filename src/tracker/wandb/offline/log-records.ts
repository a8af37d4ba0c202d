import {integerField, messageField, textField} from '../../../protobuf.js';
import type {RunInfo} from '../../../types.js';
import type {WandbConfig} from '../content/config.js';
import type {WandbSettings} from '../settings.js';

/**
 * Messages of W&B's `wandb_internal.proto`, as far as a run of ours needs them. Each function returns the fields of one
 * `Record` but its number.
 */
const recordField = {history: 2, summary: 3, files: 6, metric: 12, run: 17, exit: 18, header: 21} as const;

/** The oldest reader of W&B's that knows all fields written here. */
const minConsumer = '0.10.0';
const filesMedia = 2;

/** One `Record`: its number, counted from 1, and its message. */
export function numbered(number: number, record: Uint8Array): Uint8Array[] {
  return [integerField(1, number), record];
}

export function headerRecord(producer: string): Uint8Array {
  return messageField(recordField.header, messageField(1, textField(1, producer), textField(2, minConsumer)));
}

/** A config, history or summary item: a path of keys and a value as JSON. */
function item(field: number, keys: readonly string[], value: unknown): Uint8Array {
  const [key] = keys;
  const path = keys.length === 1 ? [textField(1, key!)] : keys.map(part => textField(2, part));
  return messageField(field, ...path, textField(16, JSON.stringify(value)));
}

/** W&B's own part of the config is sent by its path, so that it is joined with what the client adds to it. */
function configRecord(config: WandbConfig): Uint8Array[] {
  const {_wandb, ...rest} = config;
  const {visualize} = (_wandb?.value ?? {}) as {visualize?: Record<string, unknown>};
  return [
    ...Object.entries(rest).map(([key, {value}]) => item(1, [key], value)),
    ...Object.entries(visualize ?? {}).map(([key, chart]) => item(1, ['_wandb', 'visualize', key], chart)),
  ];
}

export interface RunRecordOptions {
  id: string;
  info: RunInfo;
  settings: WandbSettings;
  config: WandbConfig;
  host: string;
}

export function runRecord({id, info, settings, config, host}: RunRecordOptions): Uint8Array {
  const {entity, project, group, jobType, name, notes, tags} = settings;
  const optional = (field: number, text: string | undefined) =>
    text === undefined ? [] : [textField(field, text)];
  return messageField(
    recordField.run,
    textField(1, id),
    ...optional(2, entity),
    textField(3, project),
    messageField(4, ...configRecord(config)),
    ...optional(6, group),
    ...optional(7, jobType),
    textField(8, name ?? info.name),
    ...optional(9, notes),
    ...tags.map(tag => textField(10, tag)),
    textField(13, host),
    messageField(
      17,
      integerField(1, Math.floor(info.created / 1000)),
      integerField(2, (info.created % 1000) * 1_000_000),
    ),
    ...(info.git === null ? [] : [messageField(21, textField(2, info.git))]),
  );
}

/** define_metric: the entries of the config's `_wandb.m`, whose codes are the field numbers of the messages. */
export function metricRecords(config: WandbConfig): Uint8Array[] {
  const {m = []} = (config._wandb?.value ?? {}) as {m?: Record<number, unknown>[]};
  const flags = (codes: unknown) => ((codes ?? []) as number[]).map(code => integerField(code, 1));
  return m.map(metric => {
    const axis = typeof metric[5] === 'number' ? m[metric[5] - 1]?.[1] : undefined;
    return messageField(
      recordField.metric,
      ...(typeof metric[1] === 'string' ? [textField(1, metric[1])] : []),
      ...(typeof metric[2] === 'string' ? [textField(2, metric[2])] : []),
      ...(typeof axis === 'string' ? [textField(4, axis)] : []),
      messageField(6, ...flags(metric[6])),
      messageField(7, ...flags(metric[7])),
    );
  });
}

export function historyRecord(row: Readonly<Record<string, unknown>>): Uint8Array {
  return messageField(
    recordField.history,
    ...Object.entries(row).map(([key, value]) => item(1, [key], value)),
    messageField(2, integerField(1, row._step as number)),
  );
}

export function summaryRecord(summary: Readonly<Record<string, unknown>>): Uint8Array {
  return messageField(
    recordField.summary,
    ...Object.entries(summary).map(([key, value]) => item(1, [key], value)),
  );
}

/** Media under `files/`, sent as soon as the client comes to this record. */
export function filesRecord(paths: readonly string[]): Uint8Array {
  const files = paths.map(path => messageField(1, textField(1, path), integerField(3, filesMedia)));
  return messageField(recordField.files, ...files);
}

/** @param runtime in whole seconds. */
export function exitRecord(code: number, runtime: number): Uint8Array {
  return messageField(recordField.exit, integerField(1, code), integerField(2, runtime));
}
