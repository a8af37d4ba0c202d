"""A run of the official client, of the same numbers as ours: see python-client.test.ts."""

import json
import sys

import wandb

task = json.load(open(sys.argv[1]))
run = wandb.init(
    project=task['project'],
    id=task['id'],
    name=task['name'],
    group=task['group'],
    job_type=task['job_type'],
    tags=task['tags'],
    notes=task['notes'],
    config=task['config'],
    dir=task['dir'],
    settings=wandb.Settings(console='off', x_disable_stats=True, save_code=False),
)
run.define_metric('train/global_step')
for key, summary in task['metrics']:
    run.define_metric(key, step_metric='train/global_step', summary=summary)
run.define_metric('*', step_metric='train/global_step', step_sync=True)
for row in task['rows']:
    values = {k: float(v) if v in ('NaN', 'Infinity') else v for k, v in row['values'].items()}
    for key, table in row['tables'].items():
        values[key] = wandb.Table(columns=table['columns'], data=table['data'], log_mode='IMMUTABLE')
    for key, image in row['images'].items():
        values[key] = wandb.Image(image['path'], caption=image['caption'])
    for key, counts in row['strips'].items():
        values[key] = wandb.Histogram(np_histogram=(counts['values'], counts['bins']))
    for key, chart in row['charts'].items():
        table = wandb.Table(columns=chart['columns'], data=chart['data'])
        values[key] = wandb.plot_table(
            vega_spec_name=chart['preset'], data_table=table, fields=chart['fields'], string_fields=chart['strings']
        )
    run.log(values)
run.finish(exit_code=0)
