import {createHash} from 'node:crypto';

/** A file that goes up before the row that names it. */
export interface MediaFile {
  /** Path inside the run's files. */
  path: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** What a row holds in place of a file, and the file. */
export interface Media {
  value: Record<string, unknown>;
  file: MediaFile;
}

/** A table, as W&B takes it. */
export interface TableData {
  /** Their names. */
  columns: string[];
  /** Rows, a cell a column. */
  data: (string | number | null)[][];
}

/** A picture that something else drew. */
export interface Picture {
  /** The file's bytes. */
  png: Uint8Array;
  /** Pixels. */
  width: number;
  /** Pixels. */
  height: number;
  /** For people who cannot see it too. */
  caption: string;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A table in W&B's shape. `step` is the history line it stands in. */
export function tableMedia(key: string, step: number, {columns, data}: TableData): Media {
  const bytes = new Uint8Array(Buffer.from(JSON.stringify({columns, data})));
  const sha = sha256(bytes);
  const path = `media/table/${key}_${step}_${sha.slice(0, 20)}.table.json`;
  return {
    value: {
      _type: 'table-file',
      path,
      sha256: sha,
      size: bytes.length,
      nrows: data.length,
      ncols: columns.length,
      log_mode: 'IMMUTABLE',
    },
    file: {path, bytes},
  };
}

/** A picture in W&B's shape. */
export function imageMedia(key: string, step: number, {png, width, height, caption}: Picture): Media {
  const bytes = new Uint8Array(png);
  const sha = sha256(bytes);
  const path = `media/images/${key}_${step}_${sha.slice(0, 20)}.png`;
  return {
    value: {
      _type: 'image-file',
      path,
      sha256: sha,
      size: bytes.length,
      format: 'png',
      width,
      height,
      caption,
    },
    file: {path, bytes},
  };
}

/** One bin a layer: W&B draws the histograms of a run as a strip of layer × step. */
export function layerStrip(values: readonly (number | null)[]): Record<string, unknown> {
  return {
    _type: 'histogram',
    // A histogram holds counts: what is withheld or below the floor shows as empty.
    values: values.map(value => Math.max(0, value ?? 0)),
    bins: [...values, null].map((_, i) => i),
  };
}
