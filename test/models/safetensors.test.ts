import {readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import fc from 'fast-check';
import {describe, expect, test} from 'vitest';
import {InvarianceError} from '../../src/errors.js';
import {openSafetensors, writeSafetensors, type Tensor, type WritableTensor} from '../../src/models/index.js';
import {fixtures, rawSafetensors, rejection, scratch} from './scratch.js';

async function readAll(path: string): Promise<Map<string, Tensor>> {
  const file = await openSafetensors(path);
  try {
    const tensors = new Map<string, Tensor>();
    for (const name of file.names()) tensors.set(name, await file.read(name));
    return tensors;
  } finally {
    await file.close();
  }
}

/** Bits, not values: 0 and -0 differ, NaN equals itself. */
function bitsOf({data}: {data: Float32Array | BigInt64Array}): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

describe('reading what Python wrote', () => {
  test('floats of every width become float32 as in torch, subnormals, infinities and signed zeros included', async () => {
    const narrow = await readAll(join(fixtures, 'halves.safetensors'));
    const wide = await readAll(join(fixtures, 'halves-widened.safetensors'));
    for (const [name, dtype] of [
      ['half', 'F16'],
      ['brain', 'BF16'],
      ['e4m3', 'F8_E4M3'],
      ['e5m2', 'F8_E5M2'],
      ['double', 'F64'],
    ] as const) {
      const got = narrow.get(name)!;
      const expected = wide.get(name)!.data as Float32Array;
      expect(got.dtype).toBe(dtype);
      expect(Array.from(got.data as Float32Array)).toEqual(Array.from(expected));
    }
  });

  test('64-bit integers come as bigints', async () => {
    const {data, shape} = (await readAll(join(fixtures, 'halves.safetensors'))).get('integers')!;
    expect(Array.from(data as BigInt64Array)).toEqual([-(2n ** 62n), -1n, 0n, 7n]);
    expect(shape).toEqual([4]);
  });

  test('names, shapes and metadata are known before anything is read', async () => {
    const file = await openSafetensors(join(fixtures, 'whole/model.safetensors'));
    expect(file.metadata).toEqual({format: 'pt'});
    expect(file.info('vit.embeddings.position_embeddings')).toMatchObject({dtype: 'F32', shape: [1, 5, 8]});
    expect(file.has('classifier.weight')).toBe(true);
    expect(file.has('head.weight')).toBe(false);
    expect(() => file.info('head.weight')).toThrow(/no tensor "head\.weight"; it holds .* and 35 more/);
    await file.close();
  });

  test('a file that is deleted while open stays readable', async () => {
    const folder = await scratch();
    const path = join(folder, 'a.safetensors');
    await writeSafetensors(path, new Map([['a', {shape: [1], data: new Float32Array([7])}]]));
    const file = await openSafetensors(path);
    await rm(path);
    expect((await file.read('a')).data[0]).toBe(7);
    await file.close();
  });
});

const tensorMaps: fc.Arbitrary<Map<string, WritableTensor>> = fc
  .uniqueArray(fc.tuple(fc.string({unit: 'binary'}), fc.array(fc.nat(4), {maxLength: 4}), fc.boolean()), {
    selector: ([name]) => name,
    maxLength: 6,
  })
  .map(
    entries =>
      new Map(
        entries.map(([name, shape, integers], seed) => {
          const count = shape.reduce((a, b) => a * b, 1);
          const data = integers
            ? BigInt64Array.from({length: count}, (_, i) => BigInt(i * 7919 - seed) ** 3n)
            : Float32Array.from({length: count}, (_, i) => Math.fround(Math.sin(i + seed) * 10 ** (i % 40)));
          return [name, {shape, data}];
        }),
      ),
  );

describe('writing', () => {
  test('any tensors of any names come back with the same shapes and bits', async () => {
    const path = join(await scratch(), 'any.safetensors');
    await fc.assert(
      fc.asyncProperty(tensorMaps, async tensors => {
        await writeSafetensors(path, tensors, {note: 'any'});
        const read = await readAll(path);
        expect([...read.keys()].sort()).toEqual([...tensors.keys()].sort());
        for (const [name, tensor] of tensors) {
          expect(read.get(name)!.shape).toEqual(tensor.shape);
          expect(bitsOf(read.get(name)!)).toEqual(bitsOf(tensor));
        }
      }),
      {numRuns: 60},
    );
  });

  test('data starts on 8 bytes and a part of a larger array is written as that part', async () => {
    const path = join(await scratch(), 'a.safetensors');
    const data = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
    await writeSafetensors(path, new Map([['é', {shape: [2], data}]]));
    const bytes = await readFile(path);
    expect(bytes.readBigUInt64LE() % 8n).toBe(0n);
    expect(Array.from((await readAll(path)).get('é')!.data as Float32Array)).toEqual([2, 3]);
  });

  test('a shape that its data does not fill is refused before anything is written', async () => {
    const path = join(await scratch(), 'a.safetensors');
    const write = writeSafetensors(path, new Map([['w', {shape: [2, 2], data: new Float32Array(3)}]]));
    expect(await rejection(write)).toMatchObject({
      code: 'bad_option',
      message: expect.stringMatching(/"w" has 3 values .* \[2, 2\]/),
    });
  });
});

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('a lying file is refused, with the file, the tensor and what to do', () => {
  const cases: [
    string,
    header: string | object | Uint8Array,
    bytes: number,
    message: RegExp,
    length?: bigint,
  ][] = [
    ['an empty object is no lie', {}, 0, /^$/],
    [
      'a header longer than the file',
      '{}',
      0,
      /promises a header of 99 bytes but has 10 .*half-written/,
      99n,
    ],
    ['an absurd header', '{}', 0, /promises a header of 18446744073709551615 bytes/, 2n ** 64n - 1n],
    ['a header of nothing', '', 0, /promises a header of 0 bytes/],
    ['text that is not JSON', '{"a":', 0, /not JSON/],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 0, /not JSON/],
    ['a list', '[]', 0, /not a JSON object/],
    ['leading space', ' {}', 0, /not a JSON object/],
    ['a key held twice', '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4, /key "a" twice/], // prettier-ignore
    ['the same key spelled twice', '{"\\u0061":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{}}', 4, /key "a" twice/], // prettier-ignore
    ['a field held twice', '{"a":{"dtype":"F32","dtype":"F16","shape":[],"data_offsets":[0,4]}}', 4, /key "dtype" twice/], // prettier-ignore
    ['metadata that is no text', {__metadata__: {step: 3}}, 0, /__metadata__ is not a map of strings/],
    ['a tensor that is a number', {a: 3}, 0, /tensor "a" is described by 3/],
    ['an unknown dtype', {a: {...f32([1], 0, 4), dtype: 'F31'}}, 4, /"a" has the unknown dtype "F31"/],
    [
      'a dtype from the prototype',
      {a: {...f32([1], 0, 4), dtype: 'toString'}},
      4,
      /unknown dtype "toString"/,
    ],
    ['no dtype', {a: {shape: [1], data_offsets: [0, 4]}}, 4, /unknown dtype undefined/],
    ['a negative size', {a: f32([-1], 0, 4)}, 4, /"a" has the shape \[-1\]/],
    ['a broken size', {a: f32([0.5], 0, 4)}, 4, /"a" has the shape \[0.5\]/],
    ['sizes whose product overflows', {a: f32([2 ** 50, 2 ** 50], 0, 4)}, 4, /"a" holds 4 bytes/],
    ['offsets backwards', {a: f32([1], 4, 0)}, 4, /"a" has the offsets \[4,0\]/],
    ['three offsets', {a: {...f32([1], 0, 4), data_offsets: [0, 2, 4]}}, 4, /"a" has the offsets/],
    ['a size that does not match', {a: f32([2], 0, 4)}, 4, /"a" holds 4 bytes, but F32 \[2\] takes 8/],
    ['an overlap', {a: f32([2], 0, 8), b: f32([2], 4, 12)}, 12, /"b" overlaps the one before it by 4/],
    ['a hole', {a: f32([1], 0, 4), b: f32([1], 8, 12)}, 12, /hole of 4 bytes lies before tensor "b"/],
    ['a hole at the start', {a: f32([1], 4, 8)}, 8, /hole of 4 bytes lies before tensor "a"/],
    ['an end past the file', {a: f32([2], 0, 8)}, 5, /"a" ends at byte .*half-written/],
    ['bytes left over', {a: f32([1], 0, 4)}, 9, /5 bytes follow the last tensor/],
  ];

  test.each(cases)('%s', async (_, header, bytes, message, length) => {
    const path = await rawSafetensors(join(await scratch(), 'lie.safetensors'), header, bytes, length);
    if (message.source === '^$') return expect(await readAll(path)).toEqual(new Map());
    const error = (await rejection(openSafetensors(path))) as InvarianceError;
    expect(error).toMatchObject({code: 'bad_weights', message: expect.stringMatching(message)});
    expect(error.message).toContain(path);
  });

  test('a file of a few bytes', async () => {
    const path = join(await scratch(), 'short.safetensors');
    await writeFile(path, 'abc');
    expect(await rejection(openSafetensors(path))).toMatchObject({
      message: expect.stringMatching(/has 3 bytes, too few/),
    });
  });

  test('a file that is missing', async () => {
    const path = join(await scratch(), 'none.safetensors');
    expect(await rejection(openSafetensors(path))).toMatchObject({
      code: 'bad_weights',
      message: expect.stringMatching(/check the path/),
    });
  });

  test('a dtype that is known but not read is refused when it is asked for, the others stay readable', async () => {
    const header = {a: {dtype: 'C64', shape: [1], data_offsets: [0, 8]}, b: f32([1], 8, 12)};
    const file = await openSafetensors(
      await rawSafetensors(join(await scratch(), 'c64.safetensors'), header, 12),
    );
    expect(Array.from((await file.read('b')).data as Float32Array)).toEqual([0]);
    expect(await rejection(file.read('a'))).toMatchObject({
      message: expect.stringMatching(/tensor "a" is C64.*write it as F32/),
    });
    await file.close();
  });
});

describe('damage', () => {
  const tensors = new Map<string, WritableTensor>([
    ['block.weight', {shape: [3, 2], data: new Float32Array([1, 2, 3, 4, 5, 6])}],
    ['block.bias', {shape: [12], data: new Float32Array(12).fill(0.5)}],
    ['steps', {shape: [1], data: new BigInt64Array([9n])}],
  ]);

  test('one changed byte in the header is refused or changes no tensor', async () => {
    const path = join(await scratch(), 'a.safetensors');
    await writeSafetensors(path, tensors);
    const whole = await readFile(path);
    const headerEnd = 8 + Number(whole.readBigUInt64LE());
    await fc.assert(
      fc.asyncProperty(fc.nat(headerEnd - 1), fc.integer({min: 1, max: 255}), async (at, flip) => {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= flip;
        await writeFile(path, damaged);
        for (const [name, tensor] of tensors) {
          const read = await readAll(path).then(
            all => all.get(name),
            (error: unknown) => void expect(error).toMatchObject({code: 'bad_weights'}),
          );
          if (read === undefined) continue;
          expect(read.shape).toEqual(tensor.shape);
          expect(bitsOf(read)).toEqual(bitsOf(tensor));
        }
      }),
      {numRuns: 400},
    );
  });

  test('a file cut short anywhere is refused', async () => {
    const path = join(await scratch(), 'a.safetensors');
    await writeSafetensors(path, tensors);
    const whole = await readFile(path);
    for (let length = 0; length < whole.byteLength; length++) {
      await writeFile(path, whole.subarray(0, length));
      expect(await rejection(openSafetensors(path))).toMatchObject({code: 'bad_weights'});
    }
  });

  test('a file cut short while it is open is refused when the lost tensor is read', async () => {
    const path = join(await scratch(), 'a.safetensors');
    await writeSafetensors(path, tensors);
    const file = await openSafetensors(path);
    await writeFile(path, (await readFile(path)).subarray(0, -4));
    expect(await rejection(file.read('block.bias'))).toMatchObject({
      message: expect.stringMatching(/cut short while being read/),
    });
    await file.close();
  });
});
