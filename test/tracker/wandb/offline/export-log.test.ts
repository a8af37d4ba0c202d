import {execFile} from 'node:child_process';
import {appendFileSync, existsSync, mkdtempSync, readFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {promisify} from 'node:util';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {exportOfflineLog, syncRun, type Exported} from '../../../../src/tracker/index.js';
import {openJournal} from '../../../../src/journal/index.js';
import {python, pythonHas} from '../../../python.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';
import {quickTiming} from '../quick-timing.js';
import {rowsOf, type StoredRun} from '../stand-in-store.js';
import {StandIn} from '../stand-in.js';

const blockBytes = 32 * 1024;
type Metric = Record<number, unknown>;
const {created} = sampleInfo();
const surroundings = {env: {WANDB_PROJECT: 'birds', WANDB_ENTITY: 'ada'}};

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'offline-log-'));
  folder = join(root, 'run-1');
});

async function recorded({rows = 20, text = '', end = true} = {}): Promise<void> {
  const journal = openJournal(folder);
  await journal.start(sampleInfo(), {resumed: false});
  journal.event({type: 'baseline', time: created, baseline: sampleBaseline()});
  for (let step = 0; step < rows; step++) {
    const values = {loss: step};
    journal.event({type: 'logged', time: created + step, step, epoch: null, values});
  }
  journal.reading(sampleReading(100));
  if (text !== '') {
    const values = Object.fromEntries(Array.from({length: 4000}, (_, i) => [`${text}/${i}`, i]));
    journal.event({type: 'logged', time: created + 200_000, step: 200, epoch: null, values});
  }
  if (end) journal.finish('finished');
}

const exported = (): Promise<Exported> => exportOfflineLog({folder, out: join(root, 'wandb'), surroundings});

function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** Payloads of a log, read block by block, and the types of their chunks. */
function payloadsOf(path: string): {payloads: Buffer[]; types: number[]; bytes: number} {
  const log = readFileSync(path);
  expect([...log.subarray(0, 7)]).toEqual([0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0]);
  const payloads: Buffer[] = [];
  const types: number[] = [];
  let open: Buffer[] | null = null;
  for (let block = 0; block < log.length; block += blockBytes) {
    const end = Math.min(block + blockBytes, log.length);
    let at = block === 0 ? 7 : block;
    while (end - at >= 7) {
      const length = log.readUInt16LE(at + 4);
      const type = log.readUInt8(at + 6);
      expect(at + 7 + length).toBeLessThanOrEqual(end);
      expect(log.readUInt32LE(at)).toBe(crc32(log.subarray(at + 6, at + 7 + length)));
      types.push(type);
      expect(open === null).toBe(type === 1 || type === 2);
      open = [...(open ?? []), log.subarray(at + 7, at + 7 + length)];
      if (type === 1 || type === 4) {
        payloads.push(Buffer.concat(open));
        open = null;
      }
      at += 7 + length;
    }
    expect(log.subarray(at, end).every(byte => byte === 0)).toBe(true);
  }
  expect(open).toBeNull();
  return {payloads, types, bytes: log.length};
}

const logOf = ({offlineRun}: Exported): string => join(offlineRun, 'run-run-1.wandb');

/** Number of the field behind `num`, which says what the record is. */
function kindOf(payload: Buffer): string {
  let at = 1;
  while (payload[at++]! & 0x80);
  let key = 0;
  for (let shift = 0; ; shift += 7) {
    key |= (payload[at]! & 0x7f) << shift;
    if (!(payload[at++]! & 0x80)) break;
  }
  const kinds: Record<number, string> = {
    2: 'history',
    3: 'summary',
    6: 'files',
    12: 'metric',
    17: 'run',
    18: 'exit',
    21: 'header',
  };
  return kinds[key >>> 3] ?? `field ${key >>> 3}`;
}

const order = (payloads: Buffer[]): string[] =>
  payloads
    .map(kindOf)
    .filter(kind => kind !== 'files')
    .filter((kind, i, all) => kind !== all[i - 1]);

describe('the offline log', () => {
  it('holds its records in order, block by block', async () => {
    await recorded();
    const result = await exported();
    expect(basename(result.offlineRun)).toMatch(/^offline-run-\d{8}_\d{6}-run-1$/);
    const {payloads} = payloadsOf(logOf(result));
    expect(payloads.map(kindOf).filter(kind => kind === 'history')).toHaveLength(22);
    expect(result.rows).toBe(22);
    expect(order(payloads)).toEqual(['header', 'run', 'metric', 'history', 'summary', 'exit']);
  });

  it('spreads a long record, and a long log, over blocks', async () => {
    await recorded({rows: 3000, text: 'a/rather/long/key/that/makes/a/long/record'});
    const {payloads, types, bytes} = payloadsOf(logOf(await exported()));
    expect(Math.max(...payloads.map(({length}) => length))).toBeGreaterThan(2 * blockBytes);
    expect(bytes).toBeGreaterThan(8 * blockBytes);
    expect(new Set(types)).toEqual(new Set([1, 2, 3, 4]));
  });

  it('leaves torn lines out, and the end where there is none', async () => {
    await recorded({end: false});
    appendFileSync(join(folder, 'journal.jsonl'), '{"type":"logged","time":1,"val');
    const result = await exported();
    expect(result.rows).toBe(21);
    expect(order(payloadsOf(logOf(result)).payloads).at(-1)).toBe('summary');
  });

  it('does not overwrite what is there', async () => {
    await recorded();
    await exported();
    await expect(exported()).rejects.toThrow('exists already');
  });

  it('says that a folder is no run', async () => {
    await expect(exported()).rejects.toMatchObject({code: 'bad_record'});
  });
});

describe.skipIf(!pythonHas('wandb'))("the offline log, sent by W&B's own client (skipped without it)", () => {
  let server: StandIn;
  beforeEach(async () => {
    server = await new StandIn().up();
  });
  afterEach(() => server.down());

  async function sent(path: string): Promise<StoredRun> {
    await promisify(execFile)(python, ['-m', 'wandb', 'sync', '--yes', path], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        HOME: root,
        WANDB_BASE_URL: server.url,
        WANDB_API_KEY: 'a'.repeat(40),
        WANDB_ERROR_REPORTING: 'false',
      },
    });
    return server.store.only;
  }

  /** The same run as our own uploader sends it. */
  async function uploaded(): Promise<StoredRun> {
    const own = await new StandIn().up();
    const env = {...surroundings.env, WANDB_BASE_URL: own.url};
    try {
      const synced = await syncRun({folder, apiKey: 'k', timing: quickTiming, surroundings: {env}});
      expect(synced).toMatchObject({status: 'synced'});
      return own.store.only;
    } finally {
      await own.down();
    }
  }

  it('is the run that the uploader sends', {timeout: 120_000}, async () => {
    await recorded({rows: 3000, text: 'a/rather/long/key/that/makes/a/long/record'});
    const result = await exported();
    const run = await sent(result.offlineRun);
    const ours = await uploaded();
    expect(rowsOf(run)).toEqual(rowsOf(ours));
    expect(run).toMatchObject({
      project: 'birds',
      entity: 'ada',
      name: 'run-1',
      displayName: ours.displayName,
      commit: ours.commit,
      state: 'finished',
    });
    const {_wandb: theirs, ...config} = run.config;
    const {_wandb: wanted, ...ourConfig} = ours.config;
    expect(config).toEqual(ourConfig);
    const inside = (value: unknown) => (value as {value: {m: Metric[]; visualize: unknown}}).value;
    // The client keeps its own order of the metrics and of their codes.
    const summarised = (value: unknown) =>
      inside(value)
        .m.filter(({7: kept}) => (kept as number[] | undefined)?.length)
        .map(({1: name, 5: axis, 7: kept}) =>
          [name, inside(value).m[(axis as number) - 1]![1], ...[...(kept as number[])].sort()].join(' '),
        )
        .sort();
    expect(inside(theirs).visualize).toEqual(inside(wanted).visualize);
    expect(run.summary).toEqual(ours.summary);
    expect(summarised(theirs)).toEqual(summarised(wanted));
    expect(summarised(theirs).length).toBeGreaterThan(10);
    for (const file of ours.files) if (file.startsWith('media/')) expect([...run.files]).toContain(file);
    expect([...ours.files].length).toBeGreaterThan(3);
  });

  it('arrives whole from a torn journal', {timeout: 120_000}, async () => {
    await recorded({end: false});
    appendFileSync(join(folder, 'journal.jsonl'), '{"type":"logged","time":1,"val');
    const result = await exported();
    expect(existsSync(logOf(result))).toBe(true);
    expect(rowsOf(await sent(result.offlineRun))).toEqual(rowsOf(await uploaded()));
  });
});
