/** The icons of the installed application, drawn when it is built: the P of the favicon on grey. */
import { createHash } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";

import type { Plugin } from "vite";

const BACK = [0x5b, 0x64, 0x70] as const;
/** The strokes of the letter on a grid of 16. */
const STROKES = [[5, 11, 5, 5], [5, 5, 8.5, 5], [8.5, 10, 7, 10]] as const;
const BOW = { x: 8.5, y: 7.5, radius: 2.5 } as const;
const HALF_STROKE = 0.8;

function toStroke(x: number, y: number, [x1, y1, x2, y2]: (typeof STROKES)[number]): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

function toLetter(x: number, y: number): number {
  const bow = x < BOW.x ? Infinity : Math.abs(Math.hypot(x - BOW.x, y - BOW.y) - BOW.radius);
  return Math.min(bow, ...STROKES.map((one) => toStroke(x, y, one))) - HALF_STROKE;
}

/** Distance to a square from 1 to 15 with round corners. */
function toPlate(x: number, y: number): number {
  const [dx, dy] = [Math.abs(x - 8) - 4, Math.abs(y - 8) - 4];
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - 3;
}

function chunk(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), content]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG; a maskable one has no edge, and the letter where every mask leaves it. */
function draw(size: number, maskable: boolean): Buffer {
  const scale = (maskable ? 20 : 16) / size;
  const rows = Buffer.alloc(size * (size * 4 + 1));
  const covered = (distance: number): number => Math.min(1, Math.max(0, 0.5 - distance / scale));
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const [x, y] = [8 + (column + 0.5 - size / 2) * scale, 8 + (row + 0.5 - size / 2) * scale];
      const white = covered(toLetter(x, y));
      const at = row * (size * 4 + 1) + 1 + column * 4;
      BACK.forEach((part, index) => { rows[at + index] = Math.round(part + (255 - part) * white); });
      rows[at + 3] = maskable ? 255 : Math.round(255 * covered(toPlate(x, y)));
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 6, 0, 0, 0], 8);
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([magic, chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

const drawn = [[192, false], [512, false], [512, true], [180, true]].map(([size, maskable]) => {
  const content = draw(size as number, maskable as boolean);
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 8);
  const purpose = maskable ? "maskable" : "any";
  return { file: `assets/icon-${size}-${purpose}-${hash}.png`, sizes: `${size}x${size}`, purpose, content } as const;
});
const touch = drawn.find((one) => one.sizes === "180x180");

/** For the manifest. */
export const icons = drawn.filter((one) => one !== touch).map(({ file, sizes, purpose }) => ({ src: `/${file}`, sizes, type: "image/png", purpose }));

/** Puts the icons into the build, and the one of home screens into the page. */
export function iconFiles(): Plugin {
  return {
    name: "plantroom-icons",
    apply: "build",
    generateBundle() {
      for (const { file, content } of drawn) this.emitFile({ type: "asset", fileName: file, source: content });
    },
    transformIndexHtml: () => [{ tag: "link", attrs: { rel: "apple-touch-icon", href: `/${touch?.file ?? ""}` }, injectTo: "head" }],
  };
}
