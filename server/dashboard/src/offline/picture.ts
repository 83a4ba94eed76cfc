/** A photo of the camera, made small enough for a bad line before it is kept or sent. */
const EDGE_PX = 1600;
const SMALL_PX = 160;
const ENOUGH_BYTES = 300_000;
const QUALITIES = [0.82, 0.7, 0.55, 0.4] as const;

export interface Picture { content: ArrayBuffer; mediaType: string; small: string }

export function fitted(width: number, height: number, edge: number): { width: number; height: number } {
  const scale = Math.min(1, edge / Math.max(width, height, 1));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function painted(image: ImageBitmap, edge: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, fitted(image.width, image.height, edge));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

export function encoded(canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob> {
  return new Promise((done, fail) => { canvas.toBlob((blob) => { if (blob) done(blob); else fail(new Error("the browser makes no image of it")); }, type, quality); });
}

/** What the browser cannot read is sent as it is: the server says what it makes of it. */
export async function pictureOf(file: File): Promise<Picture> {
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(file);
  } catch {
    return { content: await file.arrayBuffer(), mediaType: file.type || "application/octet-stream", small: "" };
  }
  const canvas = painted(image, EDGE_PX);
  const small = painted(image, SMALL_PX).toDataURL("image/jpeg", 0.7);
  image.close();
  let blob = await encoded(canvas, "image/jpeg", QUALITIES[0]);
  for (const quality of QUALITIES.slice(1)) {
    if (blob.size <= ENOUGH_BYTES) break;
    blob = await encoded(canvas, "image/jpeg", quality);
  }
  return { content: await blob.arrayBuffer(), mediaType: "image/jpeg", small };
}
