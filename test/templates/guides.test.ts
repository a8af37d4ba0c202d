import {existsSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect, it} from 'vitest';
import {metricKeys} from '../../src/tracker/keys.js';
import {charts} from '../../src/tracker/wandb/content/charts.js';
import {mediaKeys} from '../../src/tracker/wandb/content/rows.js';

const logged = [
  ...metricKeys.flatMap(({key, of}) => (of === 'run' ? [key] : [`${key}/block_03`, `${key}/norm`])),
  ...Object.values(mediaKeys),
  ...charts.flatMap(({key}) => [key, `${key}_table`]),
];

it.each(['charts/README.md', 'report.md', 'workspace.md'])('%s shows pictures that are there', name => {
  const text = readFileSync(`templates/${name}`, 'utf8');
  const pictures = [...text.matchAll(/!\[([^\]]+)\]\(([^)]+)\)/g)];
  expect(pictures.length).toBeGreaterThan(0);
  for (const [, alt, path] of pictures) {
    expect(alt!.length).toBeGreaterThan(20);
    expect(existsSync(join('templates', dirname(name), path!)), path).toBe(true);
  }
});

it.each(['charts/README.md', 'report.md', 'workspace.md'])(
  'every key and regular expression of %s is one that a run logs',
  name => {
    const text = readFileSync(`templates/${name}`, 'utf8');
    const keys = [...text.matchAll(/`((?:invariance|train)\/[^`]+)`/g)].map(([, key]) => key!);
    expect(keys.length).toBeGreaterThan(3);
    for (const key of keys) {
      expect(
        logged.some(one => new RegExp(`^${key}$`).test(one)),
        key,
      ).toBe(true);
    }
  },
);
