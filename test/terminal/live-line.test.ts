import {describe, expect, it} from 'vitest';
import {liveLine} from '../../src/terminal/index.js';
import {screen} from './screen.js';

describe('the last line of a terminal', () => {
  it('is written over itself', () => {
    const terminal = screen();
    const {draw} = liveLine(terminal);
    draw('block_00 1/10 and more');
    draw('block_00 2/10');
    expect(terminal.lines).toEqual(['block_00 2/10']);
  });

  it('gives way to a line that stays, and stands below it again', () => {
    const terminal = screen();
    const {draw, say} = liveLine(terminal);
    draw('block_00 1/10');
    say('the probes are few');
    expect(terminal.lines).toEqual(['the probes are few', 'block_00 1/10']);
    draw('block_00 2/10');
    expect(terminal.lines).toEqual(['the probes are few', 'block_00 2/10']);
  });

  it('leaves no trace when it is taken away', () => {
    const terminal = screen();
    const {draw, say, clear} = liveLine(terminal);
    draw('gone');
    clear();
    say('done');
    expect(terminal.lines).toEqual(['done']);
  });

  it('takes nothing away that somebody else has written', () => {
    const terminal = screen();
    const {draw, say, clear} = liveLine(terminal);
    say('started');
    terminal.write('Epoch 1 / 5\n');
    draw('block_00 1/10');
    terminal.write('\nEpoch 2 / 5\n');
    draw('block_00 2/10');
    clear();
    expect(terminal.lines).toEqual(['started', 'Epoch 1 / 5', 'block_00 1/10', 'Epoch 2 / 5']);
    expect(terminal.text).not.toMatch(/\x1b\[\d*A/);
  });

  it('is cut to the width of the terminal, so that it stays one line', () => {
    const terminal = screen({columns: 10});
    liveLine(terminal).draw('0123456789 and more');
    expect(terminal.lines).toEqual(['012345678']);
  });

  it('is not written where there is no terminal; lines that stay are, bare', () => {
    const log = screen({isTTY: false});
    const {draw, say, clear} = liveLine(log);
    draw('block_00 1/10');
    say('the probes are few');
    draw('block_00 2/10');
    clear();
    expect(log.text).toBe('the probes are few\n');
  });
});
