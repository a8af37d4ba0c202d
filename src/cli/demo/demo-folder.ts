import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

/** `examples/demo` of this package: the pretrained ViT and the spec of the picture. */
export function demoFolder(): string {
  const {resolve} = createRequire(import.meta.url);
  return join(dirname(resolve('wandb-invariance/package.json')), 'examples/demo');
}
