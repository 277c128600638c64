import { globSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';

const deploy = join(import.meta.dirname, '../../deploy');

test('the chart has the alerts and dashboards by links to the one file of each, which helm follows', () => {
  const files = globSync(['prometheus/alerts.yaml', 'grafana/*.json'], { cwd: deploy });
  const links = files.map((file) => readlinkSync(join(deploy, 'chart/files', basename(file))));
  expect(links).toEqual(files.map((file) => `../../${file}`));
});
