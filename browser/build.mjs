// `npm run build [folder]` builds what the collector serves; `npm pack` builds the package.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { minify } from "terser";

const { version } = JSON.parse(readFileSync("package.json"));
const define = { VERSION: JSON.stringify(version), APART: "false" };
const common = { bundle: true, target: "es2021", define, legalComments: "none" };
// The tag loads `footfall`, which imports the others when it needs them. `all` is the same in one file, for pages that pin its hash.
const served = {
  footfall: { entry: "src/script.ts", format: "iife", define: { ...define, APART: "true" } },
  more: { entry: "src/more.ts", format: "esm", external: ["*/vitals.js"] },
  console: { entry: "src/console.ts", format: "esm" },
  vitals: { entry: "src/vitals.ts", format: "esm" },
  all: { entry: "src/script.ts", format: "iife" },
};
const VITALS_NOTICE = "// Includes web-vitals, (c) Google LLC, Apache-2.0\n";
const notice = { vitals: VITALS_NOTICE, all: VITALS_NOTICE };

async function script(name) {
  // Two minifiers, because each shortens what the other does not. `"use strict"` only costs bytes: TypeScript has checked.
  const tsconfigRaw = { compilerOptions: { alwaysStrict: false } };
  const { entry, ...how } = served[name];
  const options = { ...common, ...how, entryPoints: [entry], minifySyntax: true, tsconfigRaw, write: false };
  const bundle = await build(options);
  const { code } = await minify(bundle.outputFiles[0].text, {
    ecma: 2020,
    toplevel: true,
    compress: { passes: 3, booleans_as_integers: true, pure_getters: true, unsafe_arrows: true },
  });
  return Buffer.from(`${notice[name] ?? ""}${code}\n`);
}

async function buildServed(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of Object.keys(served)) {
    const code = await script(name);
    const files = {
      "": code,
      ".gz": gzipSync(code, { level: 9 }),
      ".br": brotliCompressSync(code, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: code.length } }),
    };
    for (const [suffix, content] of Object.entries(files)) writeFileSync(`${folder}/${name}.js${suffix}`, content);
    const sizes = Object.values(files).map((content) => content.length);
    console.log(`${name}.js: ${sizes[0]} bytes, ${sizes[1]} gzip, ${sizes[2]} brotli`);
  }
}

function buildPackage() {
  const entryPoints = ["src/index.ts", "src/vitals.ts"];
  return build({ ...common, entryPoints, minifySyntax: true, format: "esm", splitting: true, outdir: "dist" });
}

if (process.argv[2] === "--package") await buildPackage();
else await buildServed(process.argv[2] ?? "../producer_api/static/sdk");
