import { execute } from './experiments/execute.js';
import { findGrid } from './experiments/grids.js';
import { defaultPlaces } from './experiments/places.js';
import { settingOf } from './experiments/setting.js';
import { joinUnits, unitsOf } from './experiments/units.js';
const [, , names, seeds] = process.argv;
const setting = await settingOf('quick', { replicates: Number(seeds) });
console.log(await execute(joinUnits(names!.split(',').flatMap((n) => unitsOf(findGrid(n), setting))), { places: defaultPlaces(), say: (l) => { console.log(new Date().toISOString().slice(11, 19), l); } }));
