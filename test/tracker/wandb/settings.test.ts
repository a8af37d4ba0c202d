import {describe, expect, it} from 'vitest';
import {passwordOf} from '../../../src/tracker/wandb/netrc.js';
import {findApiKey, resolveSettings, settingsNow} from '../../../src/tracker/wandb/settings.js';

const environment = {
  WANDB_MODE: 'offline',
  WANDB_BASE_URL: 'https://wandb.example.org/',
  WANDB_PROJECT: 'birds',
  WANDB_ENTITY: 'ada',
  WANDB_NAME: 'first try',
  WANDB_RUN_ID: 'abc123',
  WANDB_RUN_GROUP: 'sweep-1',
  WANDB_JOB_TYPE: 'finetune',
  WANDB_TAGS: 'vit, cifar',
  WANDB_NOTES: 'with a note',
  WANDB_RESUME: 'must',
  WANDB_SILENT: 'true',
  WANDB_LOG_MODEL: 'checkpoint',
};

describe('settings', () => {
  it('have defaults', () => {
    expect(resolveSettings({}, {env: {}})).toEqual({
      mode: 'online',
      baseUrl: 'https://api.wandb.ai',
      project: 'uncategorized',
      tags: [],
      resume: 'allow',
      silent: false,
      logModel: false,
      alerts: {},
    });
  });

  it("come from W&B's environment variables, without the slash behind the server's address", () => {
    expect(resolveSettings({}, {env: environment})).toEqual({
      mode: 'offline',
      baseUrl: 'https://wandb.example.org',
      project: 'birds',
      entity: 'ada',
      name: 'first try',
      id: 'abc123',
      group: 'sweep-1',
      jobType: 'finetune',
      tags: ['vit', 'cifar'],
      notes: 'with a note',
      resume: 'must',
      silent: true,
      logModel: 'checkpoint',
      alerts: {},
    });
  });

  it('are overruled by options, one by one', () => {
    const settings = resolveSettings({mode: 'online', tags: ['mine'], logModel: false}, {env: environment});
    expect(settings).toMatchObject({
      mode: 'online',
      tags: ['mine'],
      logModel: false,
      project: 'birds',
      notes: 'with a note',
    });
  });

  it.each([
    [{WANDB_DISABLED: 'true'}, {mode: 'disabled'}],
    [{WANDB_MODE: 'dryrun'}, {mode: 'offline'}],
    [{WANDB_LOG_MODEL: 'true'}, {logModel: 'end'}],
    [{WANDB_LOG_MODEL: 'false'}, {logModel: false}],
    [{WANDB_RESUME: 'true'}, {resume: 'auto'}],
    [{WANDB_PROJECT: ''}, {project: 'uncategorized'}],
  ])('read %o as %o', (env, expected) => {
    expect(resolveSettings({}, {env})).toMatchObject(expected);
  });

  it.each([
    [{mode: 'sometimes'}, 'invalid W&B setting mode: "sometimes"'],
    [{baseUrl: 'wandb'}, 'invalid W&B setting baseUrl: "wandb"'],
    [{id: 'a/b'}, 'invalid W&B setting id: "a/b"; may hold letters'],
    [{tag: ['x']}, 'unknown W&B setting: tag; known are mode, baseUrl, project'],
    [{logModel: true}, "invalid W&B setting logModel: true; it takes 'end', 'checkpoint' or false"],
    [{alerts: {below: 7}}, 'invalid W&B setting alerts.below: 7'],
  ])('refuse %o and name it', (options, message) => {
    expect(() => resolveSettings(options as never, {env: {}})).toThrow(message);
  });
});

describe('the API key', () => {
  const netrc = `# a comment: machine api.wandb.ai password no
machine other.org login user password other
machine api.wandb.ai
  login user
  password from-netrc
machine localhost:8080 login user password local
default login x password default`;
  const readText = (path: string) => (path === '/home/ada/.netrc' ? netrc : null);
  const env = {HOME: '/home/ada'};

  const cloud = 'https://api.wandb.ai';

  it('is the option, then WANDB_API_KEY, then that of ~/.netrc for the server', () => {
    const both = {env: {...env, WANDB_API_KEY: 'env'}, readText};
    expect(findApiKey(cloud, {apiKey: 'option'}, both)).toEqual({key: 'option', from: 'option'});
    expect(findApiKey(cloud, {}, both)).toEqual({key: 'env', from: 'environment'});
    expect(findApiKey(cloud, {}, {env, readText})).toEqual({key: 'from-netrc', from: 'netrc'});
    expect(findApiKey('http://localhost:8080', {}, {env, readText})?.key).toBe('local');
  });

  it('is none for a server that the file does not name, not even the default one', () => {
    expect(findApiKey('https://nowhere.org', {}, {env, readText})).toBeNull();
    expect(passwordOf('default login x password y', 'nowhere.org')).toBeNull();
  });

  it('of option and environment is for the server they name, and for no other', () => {
    const both = {env: {...env, WANDB_API_KEY: 'env'}, readText};
    expect(findApiKey('https://nowhere.org', {apiKey: 'option', today: cloud}, both)).toBeNull();
    expect(findApiKey('https://other.org', {apiKey: 'option', today: cloud}, both)?.key).toBe('other');
  });

  it('comes from the file that NETRC names', () => {
    const other = (path: string) =>
      path === '/etc/netrc' ? 'machine api.wandb.ai login user password other' : null;
    expect(findApiKey(cloud, {}, {env: {...env, NETRC: '/etc/netrc'}, readText: other})?.key).toBe('other');
  });
});

describe('a run that is resumed', () => {
  const before = {id: 'old', entity: 'ada', project: 'birds', baseUrl: 'https://wandb.example.org'};

  it('stays where it was opened, and is otherwise as it is said now', () => {
    const now = resolveSettings({project: 'fish', logModel: 'end', tags: ['new']}, {env: {}});
    expect(settingsNow(now, before)).toMatchObject({...before, logModel: 'end', tags: ['new']});
    expect(settingsNow(now, null)).toEqual(now);
  });
});
