// The second script tag: page speed.

import { measure } from "./vitals.js";

measure((window as any).footfall.track);
