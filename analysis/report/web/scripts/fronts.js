/* Fronts of points [x, y, …], of which more is better: members, attainment by seeds, and their steps. */

const TIE = 2e-4; // points: the page holds accuracies rounded to 1e-4, and equal means then differ by as much

/** List the front of means; two that are equal but for the rounding of their parts are equal, as they are in tables. */
function listFrontOfMeans(points) {
  const aligned = points.map((point) => [...point]);
  for (const axis of [0, 1]) {
    let last = -Infinity;
    for (const point of [...aligned].sort((a, b) => a[axis] - b[axis])) {
      if (point[axis] - last <= TIE) point[axis] = last;
      else last = point[axis];
    }
  }
  return listFront(aligned);
}

/** List the points that no other dominates, from the greatest x down; of equal points the first stands. */
function listFront(points) {
  const sorted = [...points].sort((a, b) => b[0] - a[0] || b[1] - a[1]);
  let best = -Infinity;
  return sorted.filter((point) => {
    const better = point[1] > best;
    if (better) best = point[1];
    return better;
  });
}

/** List the corners of what at least `count` of the seeds attain; `seeds` holds the points of each seed. */
function listAttained(seeds, count) {
  const fronts = seeds.map(listFront);
  const xs = [...new Set(fronts.flat().map((point) => point[0]))].sort((a, b) => b - a);
  const places = fronts.map(() => 0);
  const reached = fronts.map(() => -Infinity);
  const corners = [];
  let best = -Infinity;
  for (const x of xs) {
    fronts.forEach((front, seed) => {
      while (places[seed] < front.length && front[places[seed]][0] >= x) {
        reached[seed] = front[places[seed]][1];
        places[seed] += 1;
      }
    });
    const y = [...reached].sort((a, b) => b - a)[count - 1];
    if (y > best) {
      best = y;
      corners.push([x, y]);
    }
  }
  return corners;
}

/** Count how many of some seeds must attain a point of the band's near edge, its middle and its far edge. */
function countAttaining(seeds) {
  return [0.25, 0.5, 0.75].map((share) => Math.ceil(share * seeds));
}

/**
 * Choose the configurations that the same seeds completed, so that all seeds have the same candidates: among the sets
 * of seeds that configurations have, the one that keeps most trials, of several the larger. `seedsOf` lists the seeds
 * of each configuration; the answer has `seeds`, and `members` as places in `seedsOf`.
 */
function balanceSeeds(seedsOf) {
  const sets = new Map(seedsOf.map((seeds) => [[...seeds].sort((a, b) => a - b).join(), seeds]));
  let best = { seeds: [], members: [] };
  for (const seeds of sets.values()) {
    const members = seedsOf.map((_, place) => place).filter((place) => seeds.every((s) => seedsOf[place].includes(s)));
    const [trials, most] = [seeds.length * members.length, best.seeds.length * best.members.length];
    if (trials > most || (trials === most && seeds.length > best.seeds.length)) best = { seeds, members };
  }
  return best;
}

/** Draw the boundary of what a front attains, in pixels, from the foot of its first point to the far end. */
function drawSteps(corners, end, foot) {
  const sides = listSteps(corners, end, foot);
  const steps = sides.map(([, [x, y]], k) => (k % 2 ? `H${round(x)}` : `V${round(y)}`));
  return sides.length ? `M${round(corners[0][0])} ${round(foot)}${steps.join("")}` : "";
}

/** List the sides of that boundary as segments [from, to], upright and level in turn. */
function listSteps(corners, end, foot) {
  const sides = [];
  let from = corners.length && [corners[0][0], foot];
  corners.forEach(([x, y], place) => {
    const next = [place + 1 < corners.length ? corners[place + 1][0] : end, y];
    sides.push([from, [x, y]], [[x, y], next]);
    from = next;
  });
  return sides;
}

/** Draw the area between two boundaries, in pixels: out along the one, back along the other. */
function drawBetween(outer, inner, end, foot) {
  if (!outer.length) return "";
  if (!inner.length) return `${drawSteps(outer, end, foot)}V${round(foot)}Z`;
  let path = `${drawSteps(outer, end, foot)}L${round(end)} ${round(inner[inner.length - 1][1])}`;
  for (let place = inner.length - 1; place >= 0; place -= 1) {
    path += `H${round(inner[place][0])}V${round(place ? inner[place - 1][1] : foot)}`;
  }
  return `${path}Z`;
}
