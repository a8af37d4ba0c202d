import {spawnSync} from 'node:child_process';

/** The interpreter for tests against Python: WANDB_INVARIANCE_PYTHON, else python3 of the PATH. */
export const python = process.env.WANDB_INVARIANCE_PYTHON ?? 'python3';

/** Whether that interpreter has all these packages; tests that need more than it has are skipped. */
export function pythonHas(...packages: string[]): boolean {
  const code = `import importlib.util, sys; sys.exit(any(importlib.util.find_spec(p) is None for p in ${JSON.stringify(packages)}))`;
  return spawnSync(python, ['-c', code]).status === 0;
}
