import boundaries from 'eslint-plugin-boundaries';
import tseslint from 'typescript-eslint';

/** The arrows of CONTRIBUTING.md, from the ground floor up: a room may import itself and what stands here. */
const arrows = {
  terminal: [],
  metrics: [],
  factors: [],
  disk: [],
  journal: ['disk'],
  models: ['disk'],
  engine: ['disk', 'models'],
  probes: ['models', 'engine'],
  inversion: ['disk', 'models', 'engine'],
  measure: ['terminal', 'disk', 'metrics', 'factors', 'models', 'engine', 'probes', 'inversion'],
  checkpoints: ['disk', 'models', 'engine'],
  tracker: ['terminal', 'factors', 'disk', 'journal'],
  render: ['disk', 'metrics', 'factors', 'journal'],
  compare: ['metrics', 'journal'],
  watch: ['disk', 'journal', 'models', 'measure', 'tracker', 'render'],
  plugin: [
    'terminal',
    'disk',
    'journal',
    'factors',
    'models',
    'engine',
    'probes',
    'inversion',
    'measure',
    'checkpoints',
    'tracker',
    'render',
  ],
  server: ['journal', 'compare', 'render'],
};
const rooms = [...Object.keys(arrows), 'cli'];

/** The layers of `src/tracker/wandb`, likewise: what a run shows knows nothing of how it is sent. */
const wandbLayers = {
  ground: [],
  content: ['ground'],
  protocol: ['ground', 'content'],
  delivery: ['ground', 'content', 'protocol'],
  offline: ['ground', 'content', 'delivery'],
};
const layer = name => `wandb-${name}`;
const layers = Object.keys(wandbLayers).map(layer);
const groundFiles = 'src/tracker/(keys|wandb/(netrc|settings)).ts';

export default tseslint.config(
  {ignores: ['dist', 'coverage', 'node_modules']},
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {parserOptions: {projectService: true, tsconfigRootDir: import.meta.dirname}},
  },
  {
    // What a test reads back from JSON has no type; what stands in for an asynchronous contract need not wait.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'no-restricted-syntax': [
        'error',
        {
          selector:
            'CallExpression[callee.property.name=/^(toMatchObject|toEqual|toStrictEqual)$/] ' +
            ':matches(Property, ArrayExpression) > Literal[regex]',
          message: 'a bare regular expression equals everything there: expect.stringMatching(…) compares',
        },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    plugins: {boundaries},
    settings: {
      'import/resolver': {typescript: {project: 'tsconfig.json'}},
      'boundaries/elements': [
        {
          type: 'base',
          pattern: 'src/(errors|images|listed|marks|movement|protobuf|random|rounding|runs-folder|types).ts',
          mode: 'full',
        },
        {type: 'public', pattern: 'src/index.ts', mode: 'full'},
        {type: layer('ground'), pattern: groundFiles, mode: 'full'},
        ...Object.keys(wandbLayers).map(name => ({type: layer(name), pattern: `src/tracker/wandb/${name}`})),
        ...rooms.map(room => ({type: room, pattern: `src/${room}`})),
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
            {from: 'cli', allow: ['base', ...rooms]},
            ...Object.entries(arrows).map(([from, allow]) => ({from, allow: ['base', from, ...allow]})),
            {from: 'tracker', allow: layers},
            ...Object.entries(wandbLayers).map(([from, allow]) => ({
              from: layer(from),
              allow: ['base', layer(from), ...arrows.tracker, ...allow.map(layer)],
            })),
          ],
        },
      ],
      'boundaries/entry-point': [
        'error',
        {
          default: 'disallow',
          rules: [
            {target: rooms, allow: 'index.ts'},
            {target: ['base', 'public', ...layers], allow: '**'},
          ],
        },
      ],
    },
  },
);
