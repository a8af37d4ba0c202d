/**
 * Which of the snapshots that wait to be measured are given up so that no more than `limit` wait: each time the one
 * nearest to the one before it, so that those left still cover the run evenly. The first and the newest always stay.
 */
export function thin(steps: readonly number[], limit: number): number[] {
  const left = [...steps];
  const given: number[] = [];
  while (left.length > Math.max(2, limit)) {
    let nearest = 1;
    for (let i = 2; i < left.length - 1; i++) {
      if (left[i]! - left[i - 1]! < left[nearest]! - left[nearest - 1]!) nearest = i;
    }
    given.push(...left.splice(nearest, 1));
  }
  return given;
}
