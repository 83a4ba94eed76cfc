/** An amount of money; the server counts 0.01 yuan. */
export const yuan = (fen: number): string => `¥${(fen / 100).toFixed(2)}`;
