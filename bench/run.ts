// Runs one benchmark by name, with the rest as its arguments: npm run bench -- matrix
import {readdirSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import {join} from 'node:path';

const names = readdirSync('bench')
  .filter(file => file.endsWith('.ts') && file !== 'run.ts')
  .map(file => file.slice(0, -'.ts'.length));
const [name] = process.argv.splice(2, 1);
if (name === undefined || !names.includes(name)) {
  console.error(`usage: npm run bench -- NAME [ARGUMENT…]; benchmarks: ${names.join(', ')}`);
  process.exit(2);
}
await import(pathToFileURL(join('bench', `${name}.ts`)).href);
