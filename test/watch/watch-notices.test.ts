import {describe, expect, it} from 'vitest';
import type {Checkpoint} from '../../src/models/index.js';
import {WatchNotices} from '../../src/watch/watch-notices.js';

function noticing() {
  const recorded: string[] = [];
  const said: string[] = [];
  const notices = new WatchNotices(
    {notice: (level, code, message) => recorded.push(`${level} ${code}: ${message}`)},
    line => said.push(line),
  );
  return {notices, recorded, said};
}

const pickled = (path: string): Checkpoint => ({
  path,
  format: 'trainer',
  step: 10,
  epoch: null,
  complete: false,
  waiting: 'it holds no safetensors',
  pickled: true,
  mtime: 1,
});

describe('what a watch has to say', () => {
  it('is recorded and said, each message once', () => {
    const {notices, recorded, said} = noticing();
    notices.raise('info', 'replaced', 'step 10 is measured again');
    notices.raise('info', 'replaced', 'step 10 is measured again');
    notices.raise('info', 'replaced', 'step 20 is measured again');
    expect(recorded).toEqual([
      'info replaced: step 10 is measured again',
      'info replaced: step 20 is measured again',
    ]);
    expect(said).toEqual(['step 10 is measured again', 'step 20 is measured again']);
  });

  it('names each checkpoint that could not be measured, and keeps it for the summary', () => {
    const {notices, recorded} = noticing();
    notices.fail('out/checkpoint-10', 'it is damaged');
    expect(notices.failed).toEqual([{path: 'out/checkpoint-10', reason: 'it is damaged'}]);
    expect(recorded).toEqual(['warning checkpoint_skipped: out/checkpoint-10 is left out: it is damaged']);
  });

  it('is one failure for all files that hold no safetensors, however many there are and how often they are seen', () => {
    const {notices, said} = noticing();
    notices.failPickled([]);
    expect(notices.failed).toEqual([]);
    notices.failPickled([pickled('a')]);
    notices.failPickled([pickled('a'), pickled('b'), pickled('c')]);
    expect(notices.failed).toEqual([{path: 'a', reason: 'it holds no safetensors (and 2 more like it)'}]);
    expect(said).toEqual(['a is left out: it holds no safetensors']);
  });
});
