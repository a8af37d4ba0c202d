import {readdirSync, readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {families, familyOf} from '../../../src/engine/architectures/families.js';

/** Rows of the table, cell by cell. */
const rows = readFileSync('docs/architectures.md', 'utf8')
  .split('\n')
  .filter(line => line.startsWith('|'))
  .slice(2)
  .map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  );

const code = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);

describe('docs/architectures.md', () => {
  it('lists every architecture with its model_type, and no other', () => {
    const listed = rows.map(([name, types]) => [name, code(types!)]);
    expect(listed).toEqual(families.map(({name, modelTypes}) => [name, modelTypes]));
  });

  it('lists every fixture that is compared with Python, and no other', () => {
    const listed = rows.flatMap(cells => code(cells.at(-1)!));
    expect(listed.toSorted()).toEqual(readdirSync('test/fixtures/architectures').toSorted());
  });
});

describe('familyOf', () => {
  it('finds each architecture by each of its model types', () => {
    for (const family of families) {
      for (const type of family.modelTypes) expect(familyOf({model_type: type})).toBe(family);
    }
  });

  it("takes a config.json with timm's architecture for timm's", () => {
    expect(familyOf({architecture: 'vit_tiny_patch16_224'}).name).toBe('timm');
  });

  it('refuses any other with the list of those that are known', () => {
    expect(() => familyOf({model_type: 'swin'})).toThrow(
      'unknown model_type "swin" in config.json; known are beit, clip, clip_vision_model, deit, dinov2',
    );
    expect(() => familyOf({})).toThrow('unknown model_type null');
  });
});
