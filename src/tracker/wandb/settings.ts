import {readFileSync} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {z} from 'zod';
import {InvarianceError} from '../../errors.js';
import {passwordOf} from './netrc.js';

/** When to raise a W&B alert on a layer; each layer alerts at most once a run. */
export interface AlertRules {
  /** A layer's retention score falls under this, in [-1, 1]. Default: no alert. */
  below?: number;
  /** It falls by more than this, above 0, within 1,000 steps. Default: no alert. */
  fallPer1000Steps?: number;
}

export const alertRules = z.strictObject({
  below: z.number().min(-1).max(1).optional(),
  fallPer1000Steps: z.number().positive().optional(),
}) satisfies z.ZodType<AlertRules>;

const schema = z.strictObject({
  mode: z.enum(['online', 'offline', 'disabled']),
  baseUrl: z.url(),
  project: z.string().min(1),
  entity: z.string().min(1).optional(),
  name: z.string().min(1).optional(),
  id: z
    .string()
    .regex(/^[\w.-]{1,128}$/, 'may hold letters, digits, "_", "-" and ".", at most 128')
    .optional(),
  group: z.string().min(1).optional(),
  jobType: z.string().min(1).optional(),
  tags: z.array(z.string().min(1).max(64)),
  notes: z.string().optional(),
  resume: z.enum(['allow', 'must', 'never', 'auto']),
  silent: z.boolean(),
  logModel: z.literal([false, 'end', 'checkpoint'], "it takes 'end', 'checkpoint' or false"),
  alerts: alertRules,
});

/** Everything about a W&B run but the key: fit to be written beside the journal. */
export type WandbSettings = z.infer<typeof schema>;

/** What a user may pass; whatever is left out comes from the environment variable, then from the default. */
export interface WandbOptions {
  /** WANDB_MODE. Default 'online'; 'offline' leaves all to `wandb-invariance sync`, 'disabled' records nothing for W&B. */
  mode?: 'online' | 'offline' | 'disabled';
  /** WANDB_API_KEY, then ~/.netrc. Default: asked for on a terminal, else the run is offline. Written to no file. */
  apiKey?: string;
  /** WANDB_BASE_URL. Default W&B's cloud, 'https://api.wandb.ai'. */
  baseUrl?: string;
  /** WANDB_PROJECT. Default 'uncategorized'. */
  project?: string;
  /** WANDB_ENTITY. Default: the key's own. */
  entity?: string;
  /** WANDB_NAME. Default: the run's name. */
  name?: string;
  /** WANDB_RUN_ID: letters, digits, `_`, `-` and `.`, at most 128. Default: the run's id. */
  id?: string;
  /** WANDB_RUN_GROUP. Default: none. */
  group?: string;
  /** WANDB_JOB_TYPE. Default: none. */
  jobType?: string;
  /** WANDB_TAGS, separated by commas: at most 64 characters each. Default: none. */
  tags?: string[];
  /** WANDB_NOTES. Default: none. */
  notes?: string;
  /** WANDB_RESUME. Default 'allow': the run is resumed where it exists and opened where it does not. */
  resume?: 'allow' | 'must' | 'never' | 'auto';
  /** WANDB_SILENT: no lines on standard error. Default false. */
  silent?: boolean;
  /** WANDB_LOG_MODEL: uploads each checkpoint, or the last and the best at the end. Default false: they stay on disk. */
  logModel?: false | 'end' | 'checkpoint';
  /** When W&B warns of a layer. Default: never. */
  alerts?: AlertRules;
}

/** What holds where neither option nor environment says otherwise. */
export const defaultSettings = {
  mode: 'online',
  /** W&B's cloud; WANDB_BASE_URL names another server. */
  baseUrl: 'https://api.wandb.ai',
  /** The project W&B itself files runs under that name none. */
  project: 'uncategorized',
  tags: [],
  /** Resume the run where it exists, open it where it does not. */
  resume: 'allow',
  silent: false,
  /** Checkpoints stay on disk. `end` uploads the last one, `checkpoint` each of them. */
  logModel: false,
  alerts: {},
} as const satisfies Partial<WandbSettings>;

export interface Surroundings {
  env?: Readonly<Record<string, string | undefined>>;
  /** Text of a file, or null where there is none. */
  readText?: (path: string) => string | null;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && /^(1|true|yes|on)$/i.test(text);
}

function logModelOf(text: string | undefined): WandbOptions['logModel'] {
  if (text === undefined || /^(false|0|no|off)$/i.test(text)) return text === undefined ? undefined : false;
  return text === 'checkpoint' || text === 'end' ? text : isTrue(text) ? 'end' : (text as 'end');
}

function resumeOf(text: string | undefined): WandbOptions['resume'] {
  return isTrue(text) ? 'auto' : (text as WandbOptions['resume']);
}

function modeOf(env: NonNullable<Surroundings['env']>): WandbOptions['mode'] {
  if (isTrue(env.WANDB_DISABLED)) return 'disabled';
  // `dryrun` and `run` are W&B's old names.
  const mode = env.WANDB_MODE === 'dryrun' ? 'offline' : env.WANDB_MODE === 'run' ? 'online' : env.WANDB_MODE;
  return mode as WandbOptions['mode'];
}

function fromEnvironment(env: NonNullable<Surroundings['env']>): WandbOptions {
  return {
    mode: modeOf(env),
    baseUrl: env.WANDB_BASE_URL,
    project: env.WANDB_PROJECT,
    entity: env.WANDB_ENTITY,
    name: env.WANDB_NAME,
    id: env.WANDB_RUN_ID,
    group: env.WANDB_RUN_GROUP,
    jobType: env.WANDB_JOB_TYPE,
    tags: env.WANDB_TAGS?.split(',')
      .map(tag => tag.trim())
      .filter(tag => tag !== ''),
    notes: env.WANDB_NOTES,
    resume: resumeOf(env.WANDB_RESUME),
    silent: env.WANDB_SILENT === undefined ? undefined : isTrue(env.WANDB_SILENT),
    logModel: logModelOf(env.WANDB_LOG_MODEL),
  };
}

/** Drops what is not set: an empty variable counts as none. */
function given<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== ''),
  ) as Partial<T>;
}

/** A key, and where it was found. */
export interface FoundKey {
  key: string;
  from: 'option' | 'environment' | 'netrc';
}

/**
 * The key for a server: the option, WANDB_API_KEY, then ~/.netrc (or the file NETRC names). Null where there is none.
 * The first two are for the server that option and environment name now, `today`, and are sent to no other one.
 */
export function findApiKey(
  baseUrl: string,
  {apiKey, today = baseUrl}: {apiKey?: string; today?: string},
  {env = process.env, readText = readIfThere}: Surroundings = {},
): FoundKey | null {
  if (today === baseUrl) {
    if (apiKey) return {key: apiKey.trim(), from: 'option'};
    if (env.WANDB_API_KEY) return {key: env.WANDB_API_KEY.trim(), from: 'environment'};
  }
  const home = env.HOME ?? homedir();
  for (const path of env.NETRC ? [env.NETRC] : [join(home, '.netrc'), join(home, '_netrc')]) {
    const text = readText(path);
    const key = text === null ? null : passwordOf(text, new URL(baseUrl).host);
    if (key !== null) return {key, from: 'netrc'};
  }
  return null;
}

/** What environment and options say themselves, without the defaults. */
export function givenSettings(
  options: WandbOptions = {},
  {env = process.env}: Pick<Surroundings, 'env'> = {},
): WandbOptions {
  return {...given(fromEnvironment(env)), ...given({...options, apiKey: undefined})};
}

/**
 * Settings as W&B users know them: option > environment > default. Honoured: WANDB_MODE, WANDB_DISABLED,
 * WANDB_BASE_URL, WANDB_PROJECT, WANDB_ENTITY, WANDB_NAME, WANDB_RUN_ID, WANDB_RUN_GROUP, WANDB_JOB_TYPE, WANDB_TAGS
 * (comma-separated), WANDB_NOTES, WANDB_RESUME, WANDB_SILENT, WANDB_LOG_MODEL.
 * @throws InvarianceError `bad_option` naming the setting and the value refused.
 */
export function resolveSettings(
  options: WandbOptions = {},
  surroundings: Pick<Surroundings, 'env'> = {},
): WandbSettings {
  const merged = {...defaultSettings, ...givenSettings(options, surroundings)};
  const parsed = schema.safeParse(merged);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    if (issue?.code === 'unrecognized_keys' && issue.path.length === 0)
      throw new InvarianceError(
        'bad_option',
        `unknown W&B setting: ${issue.keys.join(', ')}; known are ${[...Object.keys(schema.shape), 'apiKey', 'run'].join(', ')}`,
      );
    const name = issue!.path.join('.') || 'options';
    const value = issue!.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown>)?.[key],
      merged,
    );
    throw new InvarianceError(
      'bad_option',
      `invalid W&B setting ${name}: ${JSON.stringify(value)}; ${issue!.message}`,
    );
  }
  return {...parsed.data, baseUrl: parsed.data.baseUrl.replace(/\/+$/, '')};
}

/**
 * The environment without what names one run: a sweep's agent exports these for the training, and they are not meant for
 * a run beside it or for whatever runs are synced.
 */
export function withoutRun(env: NonNullable<Surroundings['env']> = process.env): typeof env {
  return {...env, WANDB_RUN_ID: undefined, WANDB_NAME: undefined, WANDB_RESUME: undefined};
}

/** A run that was opened stays where it is; everything else is as it is said now. */
export function settingsNow(
  now: WandbSettings,
  before: Pick<WandbSettings, 'id' | 'entity' | 'project' | 'baseUrl'> | null,
): WandbSettings {
  if (before === null) return now;
  const {id, entity, project, baseUrl} = before;
  return {...now, id, entity, project, baseUrl};
}
