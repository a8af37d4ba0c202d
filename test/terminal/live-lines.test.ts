import {describe, expect, it} from 'vitest';
import {liveLines} from '../../src/terminal/index.js';
import {screen} from './screen.js';

describe('lines that stand at the bottom of a terminal', () => {
  it('are written over themselves', () => {
    const terminal = screen();
    const {draw} = liveLines(terminal);
    draw('block_00 1/10', 'block_01 0/10');
    draw('block_00 2/10');
    expect(terminal.lines).toEqual(['block_00 2/10']);
  });

  it('give way to a line that stays, and stand below it again', () => {
    const terminal = screen();
    const {draw, say} = liveLines(terminal);
    draw('block_00 1/10');
    say('the probes are few');
    expect(terminal.lines).toEqual(['the probes are few', 'block_00 1/10']);
    draw('block_00 2/10');
    expect(terminal.lines).toEqual(['the probes are few', 'block_00 2/10']);
  });

  it('leave no trace when they are taken away, and stay when they are kept', () => {
    const terminal = screen();
    const {draw, say, clear, keep} = liveLines(terminal);
    draw('gone');
    clear();
    draw('kept');
    keep();
    say('done');
    expect(terminal.lines).toEqual(['kept', 'done']);
  });

  it('are cut to the width of the terminal, so that as many are taken away as were written', () => {
    const terminal = screen({columns: 10});
    const {draw} = liveLines(terminal);
    draw('0123456789 and more', 'short');
    draw('abcdefghijklmnop');
    expect(terminal.lines).toEqual(['abcdefghij']);
  });

  it('are not written where there is no terminal; lines that stay are, bare', () => {
    const log = screen({isTTY: false});
    const {draw, say, clear} = liveLines(log);
    draw('block_00 1/10');
    say('the probes are few');
    draw('block_00 2/10');
    clear();
    expect(log.text).toBe('the probes are few\n');
  });
});
