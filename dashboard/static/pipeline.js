// The page of the pipeline has nothing but numbers.

import { follow } from "./stream.js";

follow(() => {});
