import {describe, expect, it} from 'vitest';
import {plain} from '../../src/journal/plain.js';
import {check, schemas} from '../../src/journal/record-schema.js';

describe('a plain copy', () => {
  it('keeps what JSON keeps, in containers of its own', () => {
    const value = {
      text: 'a',
      count: 1.5,
      yes: true,
      no: false,
      none: null,
      list: [1, {deep: [2]}],
      empty: {},
    };
    const copy = plain(value) as typeof value;
    expect(copy).toEqual(value);
    expect(copy).not.toBe(value);
    expect(copy.list).not.toBe(value.list);
    expect(copy.list[1]).not.toBe(value.list[1]);
  });

  it('says NaN and infinities in words, and numbers from those words', () => {
    const values = {a: NaN, b: Infinity, c: -Infinity, d: 1};
    const copy = plain(values) as Record<string, unknown>;
    expect(copy).toEqual({a: 'NaN', b: 'Infinity', c: '-Infinity', d: 1});
    const logged = {type: 'logged', time: 1, step: 1, epoch: null};
    expect(check(schemas.event, {...logged, values: copy})).toEqual({
      status: 'sound',
      value: {...logged, values},
    });
  });

  it('makes numbers of bigints as far as numbers reach, and text beyond', () => {
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    expect(plain([16n, most, most + 1n])).toEqual([16, Number.MAX_SAFE_INTEGER, '9007199254740992']);
  });

  it('makes lists of typed arrays and sets, and objects of maps', () => {
    const view = new DataView(new ArrayBuffer(2));
    expect(
      plain({
        floats: Float32Array.of(1, NaN),
        whole: BigInt64Array.of(2n),
        set: new Set(['a', new Set([1])]),
        map: new Map<string, unknown>([['k', new Map([['deep', 1]])]]),
        view,
      }),
    ).toEqual({floats: [1, 'NaN'], whole: [2], set: ['a', [1]], map: {k: {deep: 1}}, view: {}});
  });

  it('writes dates as ISO text', () => {
    expect(plain({at: new Date(0)})).toEqual({at: '1970-01-01T00:00:00.000Z'});
  });

  it('leaves out functions, symbols and undefined; in a list null stands for them, so that places stay', () => {
    const copy = plain({f: () => 1, s: Symbol('s'), u: undefined, list: [undefined, () => 1, 2]});
    expect(copy).toEqual({list: [null, null, 2]});
    expect(Object.keys(copy as object)).toEqual(['list']);
    expect(plain(undefined)).toBeUndefined();
  });

  it('says where an object leads back to itself, and repeats one that merely comes twice', () => {
    const shared = {x: 1};
    const root: Record<string, unknown> = {first: shared, second: shared, list: [shared]};
    root.self = root;
    root.inList = [root];
    root.inMap = new Map([['root', root]]);
    root.inSet = new Set([root]);
    expect(plain(root)).toEqual({
      first: {x: 1},
      second: {x: 1},
      list: [{x: 1}],
      self: '[circular]',
      inList: ['[circular]'],
      inMap: {root: '[circular]'},
      inSet: ['[circular]'],
    });
    const list: unknown[] = [];
    list.push(list);
    expect(plain(list)).toEqual(['[circular]']);
  });
});
