import {readFileSync} from 'node:fs';
import typescript from '@rollup/plugin-typescript';

const {dependencies, optionalDependencies, peerDependencies} = JSON.parse(
  readFileSync('package.json', 'utf8'),
);
const packages = Object.keys({...dependencies, ...optionalDependencies, ...peerDependencies});

/** `dist` mirrors `src`, file for file: what a stack trace names is where the code lives. */
export default {
  input: [
    'src/index.ts',
    'src/metrics/public.ts',
    'src/render/public.ts',
    'src/measure/child/worker.ts',
    'src/plugin/wandb-uploader.ts',
    'src/cli/main.ts',
  ],
  output: {
    dir: 'dist',
    format: 'es',
    preserveModules: true,
    preserveModulesRoot: 'src',
    sourcemap: true,
    hoistTransitiveImports: false,
  },
  external: id => id.startsWith('node:') || packages.some(name => id === name || id.startsWith(`${name}/`)),
  plugins: [typescript({tsconfig: 'tsconfig.build.json'})],
};
