// Holds the dashboards against the types that Grafana publishes of its own files (@grafana/schema): the dashboard and,
// for each panel, options and field settings of its kind. Whatever Grafana's types do not know is a fault here, a
// misspelt key above all, which Grafana passes over in silence.
//
// `MODULES=node_modules node dashboards.mjs FILE…`; MODULES is where the packages of package.json are installed.

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const modules = resolve(process.env.MODULES);
const require = createRequire(join(modules, 'none.js'));
const { createGenerator } = require('ts-json-schema-generator');
const Ajv = require('ajv').default;

const ajv = new Ajv({ allErrors: true, strict: false });
const compiled = new Map();

/// The validator of a type in a file of @grafana/schema; one type a run, since names collide otherwise.
function validator(file, type) {
  const key = `${file} ${type}`;
  if (!compiled.has(key)) {
    const path = join(modules, '@grafana/schema/dist/types/raw', file, 'x/types.gen.d.ts');
    const options = { path, type, skipTypeCheck: true, additionalProperties: false };
    compiled.set(key, ajv.compile(createGenerator(options).createSchema(type)));
  }
  return compiled.get(key);
}

/// What the Prometheus data source adds to annotations and variables, of which Grafana publishes no types.
const ADDED = {
  '/annotations/list': ['expr', 'step', 'tagKeys', 'textFormat', 'titleFormat', 'useValueForTime'],
  '/templating/list': ['definition'],
};

const faults = [];

function hold(place, file, type, value) {
  const valid = validator(file, type);
  if (valid(value)) return;
  for (const { instancePath, message, params } of valid.errors) {
    const added = Object.entries(ADDED).find(([list]) => instancePath.startsWith(`${list}/`))?.[1] ?? [];
    if (added.includes(params.additionalProperty)) continue;
    faults.push(`${place}${instancePath}: ${message} ${JSON.stringify(params)}`);
  }
}

let held = 0;
for (const file of process.argv.slice(2)) {
  const dashboard = JSON.parse(readFileSync(file, 'utf8'));
  hold(file, 'dashboard', 'Dashboard', dashboard);
  for (const panel of dashboard.panels.filter(({ type }) => type !== 'row')) {
    const place = `${file}: ${panel.title}`;
    const kind = `composable/${panel.type}/panelcfg`;
    hold(`${place}: options`, kind, 'Options', panel.options);
    const custom = panel.fieldConfig.defaults.custom;
    if (custom) hold(`${place}: custom`, kind, 'FieldConfig', custom);
    held += 1;
  }
}
if (held === 0) faults.push('no panel was held against anything');
for (const fault of faults) console.error(fault);
console.log(`${held} panels, ${faults.length} faults`);
process.exitCode = faults.length ? 1 : 0;
