import {DIVERGED} from '../../../divergence.js';
import {messageOf} from '../../../errors.js';
import type {Baseline, Reading, RunInfo} from '../../../types.js';
import {plain, type JournalRecord} from '../../../journal/index.js';
import {epochKey, scalarsOf, stepKey} from '../../keys.js';
import {chartReading, charts, retentionOf, type ChartReading} from './charts.js';
import {matrixTable} from './matrix-table.js';
import {
  imageMedia,
  layerStrip,
  tableMedia,
  type Media,
  type MediaFile,
  type Picture,
  type TableData,
} from './media.js';
import {splitRow} from './split-row.js';

/** A line takes at most this much inside a request, where it is quoted once more; W&B refuses 9.9 MiB. */
export const lineBytes = 4 * 1024 * 1024;

/** Key of the row's own number in a run whose lines another client counts: by it `sync` knows what arrived. */
export const rowKey = 'invariance/row';

/** One line of a run's history. */
export interface Row {
  values: Record<string, unknown>;
  /** Files that it names. */
  files: MediaFile[];
}

/** Draws what W&B shows as images, and computes what only the drawings need: both are another room's. */
export interface Pictures {
  /** R_t of one reading, pretrained layers as rows. */
  matrix(reading: Reading, baseline: Baseline): Promise<Picture>;
  /** Retention over layer × step, all readings so far. */
  layersBySteps(readings: readonly ChartReading[]): Promise<Picture>;
  /** Where each block's invariances sit, as shares of its row: a line for each two blocks. */
  flow(reading: Reading, baseline: Baseline): Promise<TableData>;
}

/** The step from which on the training is known to have diverged. */
const divergedKey = 'invariance/diverged';

/** Keys of pictures, tables and strips, beside the scalars of the table of metric keys. */
export const mediaKeys = {
  matrix: 'invariance/retention_matrix',
  matrixTable: 'invariance/retention_matrix_table',
  map: 'invariance/layer_step_map',
  flow: 'invariance/flow_shares_table',
  strip: 'invariance/retention_strip',
} as const;

/** What says something of the whole run, whichever row it stands in. */
export const runKeys: ReadonlySet<string> = new Set([
  mediaKeys.map,
  ...charts.map(({key}) => `${key}_table`),
]);

/** Tables that grow are sent after 1, 2, 4, 8, … readings and at the end: their bytes stay in proportion to the run. */
function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}

export interface RowMakerOptions {
  info: RunInfo;
  pictures?: Pictures;
  /** First line of the run's history that is ours: 0 but in a run that others wrote before. */
  base?: number;
  limit?: number;
  /** Told where a picture could not be drawn; the row goes without it. */
  onTrouble?: (message: string) => void;
}

/**
 * Turns the journal's records into the lines of a W&B history. The same records always give the same lines, in
 * number and in text (pictures aside), so line k of the server is line k of the journal and a line that is sent
 * again is the same line.
 */
export class RowMaker {
  readonly #info: RunInfo;
  readonly #pictures: Pictures | undefined;
  readonly #limit: number;
  readonly #onTrouble: (message: string) => void;
  /** By step: a folder's checkpoints may be measured newest first, and the last reading is that of the last step. */
  #readings: ChartReading[] = [];
  #baseline: Baseline | null = null;
  #next: number;
  /** Steps of each kind of row, and the same as they stood when the run was resumed. */
  readonly #reached = new Map<string, Set<number>>();
  #before = new Map<string, ReadonlySet<number>>();
  #highest = 0;
  #diverged: number | null = null;

  constructor({info, pictures, base = 0, limit = lineBytes, onTrouble = () => {}}: RowMakerOptions) {
    this.#info = info;
    this.#pictures = pictures;
    this.#limit = limit;
    this.#onTrouble = onTrouble;
    this.#next = base;
  }

  /** The index of the next line. */
  get next(): number {
    return this.#next;
  }

  /** Rows of one record: one as a rule, none for most events, several where one would be too long. */
  async rows(record: JournalRecord, {draw}: {draw: boolean}): Promise<Row[]> {
    if (this.#isRepeated(record)) return [];
    if (record.kind === 'reading') return this.#reading(record.reading, draw);
    const {event} = record;
    if (event.type === 'resumed')
      this.#before = new Map([...this.#reached].map(([kind, steps]) => [kind, new Set(steps)]));
    if (event.type === 'baseline') this.#baseline = event.baseline;
    if (event.type === 'logged') {
      const axes = {[stepKey]: event.step, ...(event.epoch === null ? {} : {[epochKey]: event.epoch})};
      return this.#lines({...(plain(event.values) as object), ...axes}, [], event.time);
    }
    // In the summary as well, which holds the last value of each key; a resume from before it takes it back.
    if (event.type === 'notice' && event.code === DIVERGED && event.step !== undefined) {
      this.#diverged = event.step;
      return this.#lines({[divergedKey]: event.step}, [], event.time);
    }
    if (event.type === 'resumed' && this.#diverged !== null && this.#diverged > event.step) {
      this.#diverged = null;
      return this.#lines({[divergedKey]: null}, [], event.time);
    }
    if (event.type === 'ended' && this.#readings.length > 0) {
      const baseline = this.#baseline;
      const media = [
        ...(baseline ? this.#charts('growing', baseline) : []),
        ...(draw ? await this.#map() : []),
      ];
      return this.#lines({[stepKey]: this.#highest}, media, event.time);
    }
    return [];
  }

  /**
   * A resumed training goes again over the steps since its checkpoint. W&B's history can only grow, so a step that it
   * holds is not sent a second time.
   */
  #isRepeated(record: JournalRecord): boolean {
    let kind = 'reading';
    let step: number;
    if (record.kind === 'reading') ({step} = record.reading);
    else if (record.event.type !== 'logged') return false;
    else {
      kind = Object.keys(record.event.values).sort().join();
      ({step} = record.event);
    }
    this.#highest = Math.max(this.#highest, step);
    if (this.#before.get(kind)?.has(step)) return true;
    const steps = this.#reached.get(kind) ?? new Set();
    this.#reached.set(kind, steps.add(step));
    return false;
  }

  async #reading(reading: Reading, draw: boolean): Promise<Row[]> {
    this.#readings = [
      ...this.#readings.filter(({step}) => step !== reading.step),
      chartReading(reading, this.#baseline),
    ];
    this.#readings.sort((a, b) => a.step - b.step);
    const baseline = this.#baseline;
    if (baseline === null) {
      // Without its baseline nothing says what a reading's inversions are worth; the numbers that need none stay.
      return this.#lines(scalarsOf(reading, null), [], reading.time);
    }
    const grown = isPowerOfTwo(this.#readings.length);
    const media: [string, Media][] = [
      [mediaKeys.matrixTable, tableMedia(mediaKeys.matrixTable, this.#next, matrixTable(reading, baseline))],
      ...this.#charts('fixed', baseline),
      ...(grown ? this.#charts('growing', baseline) : []),
      ...(draw ? await this.#draw(mediaKeys.matrix, pictures => pictures.matrix(reading, baseline)) : []),
      ...(draw ? await this.#draw(mediaKeys.flow, pictures => pictures.flow(reading, baseline)) : []),
      ...(draw && grown ? await this.#map() : []),
    ];
    const strip = layerStrip(retentionOf(reading));
    return this.#lines({...scalarsOf(reading, baseline), [mediaKeys.strip]: strip}, media, reading.time);
  }

  #charts(which: 'fixed' | 'growing', baseline: Baseline): [string, Media][] {
    return charts
      .filter(chart => chart.grows === (which === 'growing'))
      .map(chart => {
        const key = `${chart.key}_table`;
        return [key, tableMedia(key, this.#next, chart.table(this.#readings, baseline))];
      });
  }

  #map(): Promise<[string, Media][]> {
    return this.#draw(mediaKeys.map, pictures => pictures.layersBySteps(this.#readings));
  }

  async #draw(
    key: string,
    draw: (pictures: Pictures) => Promise<Picture | TableData>,
  ): Promise<[string, Media][]> {
    if (this.#pictures === undefined) return [];
    try {
      const drawn = await draw(this.#pictures);
      return [
        [key, 'png' in drawn ? imageMedia(key, this.#next, drawn) : tableMedia(key, this.#next, drawn)],
      ];
    } catch (error) {
      this.#onTrouble(`cannot draw ${key}: ${messageOf(error)}`);
      return [];
    }
  }

  #lines(values: Record<string, unknown>, media: [string, Media][], time: number): Row[] {
    const all = {
      ...values,
      ...Object.fromEntries(media.map(([key, {value}]) => [key, value])),
      // From the journal and never from the clock, so that a line sent again is the same line.
      _timestamp: time / 1000,
      _runtime: Math.max(0, (time - this.#info.created) / 1000),
    };
    const files = media.map(([, {file}]) => file);
    return splitRow(all, this.#limit).map((part, i) => ({
      values: {...part, _step: this.#next++},
      files: i === 0 ? files : [],
    }));
  }
}
