import boundaries from 'eslint-plugin-boundaries';
import tseslint from 'typescript-eslint';

const rooms = ['metrics', 'engine', 'inversion', 'plugin', 'tracker', 'render', 'compare', 'server', 'cli'];

/** The arrows of CONTRIBUTING.md: a room may import itself and what stands here. */
const arrows = {
  metrics: ['base'],
  engine: ['base'],
  inversion: ['base', 'engine'],
  tracker: ['base'],
  render: ['base', 'metrics'],
  plugin: ['base', 'metrics', 'engine', 'inversion', 'tracker', 'render'],
  compare: ['base', 'metrics', 'tracker'],
  server: ['base', 'compare', 'render', 'tracker'],
  cli: ['base', ...rooms],
};

export default tseslint.config(
  {ignores: ['dist', 'coverage', 'node_modules']},
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.ts'],
    plugins: {boundaries},
    settings: {
      'import/resolver': {typescript: {project: 'tsconfig.json'}},
      'boundaries/elements': [
        {type: 'base', pattern: 'src/(errors|protobuf|random|rounding|types).ts', mode: 'full'},
        {type: 'public', pattern: 'src/index.ts', mode: 'full'},
        ...rooms.map(room => ({type: room, pattern: `src/${room}/**`, mode: 'full'})),
      ],
    },
    rules: {
      'boundaries/element-types': [
        'error',
        {
          default: 'disallow',
          rules: [
            {from: 'base', allow: ['base']},
            {from: 'public', allow: ['base', ...rooms]},
            ...Object.entries(arrows).map(([from, allow]) => ({from, allow: [from, ...allow]})),
          ],
        },
      ],
    },
  },
);
