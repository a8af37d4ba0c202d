import {describe, expect, it} from 'vitest';
import {textTable} from '../../src/terminal/index.js';

describe('a table of text', () => {
  it('aligns numbers to the right, in brackets or absent too, and all else to the left', () => {
    const table = textTable([
      ['layer', 'R', 'inversion'],
      ['block_00', '0.912', 'fvu 0.001 ok'],
      ['norm', '(-0.1)', ''],
      ['head', '–', 'none'],
    ]);
    expect(table).toBe(
      [
        'layer          R  inversion',
        'block_00   0.912  fvu 0.001 ok',
        'norm      (-0.1)',
        'head           –  none',
        '',
      ].join('\n'),
    );
  });

  it('lets the last cell of a shorter row run on, and leaves an empty row empty', () => {
    const table = textTable([
      ['layer', 'value', '95 %'],
      ['norm', '0.5', '[0.4, 0.6]'],
      [],
      ['deep', 'withheld: its inversion has not converged'],
    ]);
    expect(table).toBe(
      [
        'layer  value  95 %',
        'norm     0.5  [0.4, 0.6]',
        '',
        'deep   withheld: its inversion has not converged',
        '',
      ].join('\n'),
    );
  });
});
