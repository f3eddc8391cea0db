'use strict';
(() => {
const report = JSON.parse(document.getElementById('document').textContent);
const kSwatches = 6;
const kDashes = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const byId = id => document.getElementById(id);
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seriesColour = i => colour(`--s${i % kSwatches}`);
const seriesDash = i => kDashes[Math.floor(i / kSwatches) % kDashes.length];
const number = value => value === null || value === undefined ? '–' : String(Number(value.toPrecision(4)));
const brief = value => value > 0 && value < 0.001 ? '<0.001' : number(value);
const many = (count, word, plural = `${word}s`) => `${count} ${count === 1 ? word : plural}`;

/** An element with attributes and children; text is never read as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(child => child !== undefined && child !== null && child !== false));
  return element;
}

const head = names => make('thead', {}, make('tr', {}, names.map(name => make('th', {scope: 'col'}, name))));
const groupHead = (columns, name) => make('th', {scope: 'rowgroup', colspan: columns}, make('span', {}, name));
const inScroller = (label, table) =>
  make('div', {class: 'wide', role: 'region', 'aria-label': label, tabindex: '0'}, table);

function figure(name, value, shown = String(value)) {
  const isMarked = value > 0 && (name === 'violated' || name === 'errors');
  return make('td', {'data-figure': name, class: isMarked ? name : value === 0 ? 'zero' : undefined}, shown);
}

function facts(pairs) {
  return make('dl', {}, pairs.filter(([, value]) => value !== '' && value !== undefined)
    .map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
}

/** details whose content is made when it is first opened. */
function lazily(title, content) {
  const box = make('details', {}, make('summary', {}, title));
  box.addEventListener('toggle', () => { if (box.open && box.children.length === 1) box.append(content()); });
  return box;
}

// Charts are drawn when they come near the screen, and anew when their width or the colours change.

const charts = new Map();
function redraw(place) {
  const chart = charts.get(place);
  if (!chart || place.clientWidth === 0) return;
  if (chart.plot) chart.plot.destroy();
  chart.plot = chart.draw(place, place.clientWidth);
}
const watchSize = new ResizeObserver(entries => {
  for (const {target} of entries) {
    const {plot} = charts.get(target);
    if (plot && target.clientWidth > 0 && target.clientWidth !== plot.width) {
      requestAnimationFrame(() => plot.setSize({width: target.clientWidth, height: plot.height}));
    }
  }
});
const watchSight = new IntersectionObserver(entries => {
  for (const {target, isIntersecting} of entries) {
    if (!isIntersecting) continue;
    watchSight.unobserve(target);
    redraw(target);
    watchSize.observe(target);
  }
}, {rootMargin: '800px'});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const [place, {plot}] of charts) if (plot) redraw(place);
  for (const swatch of document.querySelectorAll('.swatch')) paint(swatch);
});

function chartPlace(text, draw) {
  const place = make('div', {class: 'chart', role: 'img', 'aria-label': text});
  charts.set(place, {draw});
  watchSight.observe(place);
  return place;
}

function axis(label, more = {}) {
  return {label, stroke: colour('--soft'), labelSize: 20, labelFont: '12px sans-serif', font: '11px sans-serif',
          grid: {stroke: colour('--grid'), width: 1}, ticks: {stroke: colour('--line'), width: 1}, ...more};
}

/** Vertical lines over a plot: [{at, label}], by the x scale. */
function marks(lines, colourName) {
  return plot => {
    const {ctx, bbox} = plot;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour(colourName);
    ctx.lineWidth = devicePixelRatio * 1.5;
    ctx.setLineDash([]);
    ctx.font = `${11 * devicePixelRatio}px sans-serif`;
    ctx.textAlign = 'center';
    for (const {at, label} of lines) {
      const x = Math.round(plot.valToPos(at, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      if (label) ctx.fillText(label, x, bbox.top - 3 * devicePixelRatio);
    }
    ctx.restore();
  };
}

function plot(place, width, height, options, data) {
  return new uPlot({width, height, padding: [14, 8, 0, 0], cursor: {drag: {x: true, y: false}}, ...options},
                   data, place);
}

// Summary

function countsRow(count) {
  return ['scenarios', 'held', 'violated', 'inconclusive', 'errors']
    .map(name => figure(name, count[name]));
}

function showSummary() {
  byId('written').textContent = `Written ${report.written} from ${report.folder}/results.db`;
  const failures = report.failures.filter(failure => !failure.flaky).length;
  const kernels = new Set(report.subjects.map(({machine, release, mode}) => JSON.stringify([machine, release, mode]))).size;
  const {scenarios, violated, inconclusive, held, errors} = report.totals;
  byId('totals').textContent = `${many(failures, 'failure')}, ${report.failures.length - failures} flaky. ${
    many(report.runs, 'search', 'searches')} on ${many(kernels, 'kernel')}, ${many(scenarios, 'scenario')}: ${many(held, 'check')} held, ${violated} violated, ${
    inconclusive} inconclusive; ${many(errors, 'error')}.`;
  byId('totals').classList.toggle('violated', failures > 0);
  const table = make('table', {id: 'counts'},
    make('caption', {}, 'Scenarios, checks by what they showed, infrastructure errors'),
    head(['property', 'scenarios', 'held', 'violated', 'inconclusive', 'errors']));
  report.subjects.forEach((subject, index) => {
    const rows = report.counts.filter(count => count.subject === index);
    if (rows.length === 0) return;
    table.append(make('tbody', {},
      make('tr', {}, groupHead(6, subject.name)),
      rows.map(count => make('tr', {'data-subject': index, 'data-property': count.property},
        make('th', {scope: 'row'}, count.property), countsRow(count)))));
  });
  table.append(make('tfoot', {}, make('tr', {'data-property': 'all'},
    make('th', {scope: 'row'}, 'all'), countsRow(report.totals))));
  byId('summary').append(report.counts.length > 0 ? inScroller('Scenarios by kernel and property', table)
                                                  : make('p', {}, 'No scenario was run.'));
}

// Failures

function drawTree(tree) {
  const items = tree.nodes.map(node => make('li', {},
    make('span', {class: node.note ? 'node bad' : 'node'},
      make('b', {}, node.name),
      node.limits.map(limit => make('span', {class: 'chip'}, limit)),
      node.workers.map(worker => make('span', {class: 'worker'}, worker)),
      node.note && make('span', {class: 'why'}, node.note))));
  const root = make('ul', {class: 'tree'});
  tree.nodes.forEach((node, i) => {
    if (node.parent < 0) return root.append(items[i]);
    const parent = items[node.parent];
    if (parent.lastElementChild.tagName !== 'UL') parent.append(make('ul'));
    parent.lastElementChild.append(items[i]);
  });
  return [root, make('ul', {class: 'then'}, tree.then.map(line => make('li', {}, line)))];
}

function copyButton(text) {
  const button = make('button', {type: 'button'}, 'Copy');
  button.addEventListener('click', async () => {
    let isDone = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      isDone = document.execCommand('copy');
    }
    button.textContent = isDone ? 'Copied' : 'Selected';
    byId('said').textContent = isDone ? 'The command was copied.' : 'The command is selected.';
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  return button;
}

function textOfChart(chart) {
  const ends = chart.series.map(({label, values}) => {
    const known = values.filter(value => value !== null);
    return `${label} from ${number(Math.min(...known))} to ${number(Math.max(...known))} ${chart.unit}`;
  });
  return `${chart.title} over ${number(chart.at_ms[chart.at_ms.length - 1] - chart.at_ms[0])} ms: ${ends.join('; ')}.` +
    ` ${many(chart.events.length, 'event')}.`;
}

const lineStyle = ({dash} = {}) => !dash || dash.length === 0 ? 'solid' : dash[0] > 2 ? 'dashed' : 'dotted';

function drawUsage(chart) {
  return (place, width) => {
    let usages = 0, bounds = 0;
    const flat = {width: 1.5, spanGaps: true, points: {show: false}};
    const series = chart.series.map(({label, kind}) =>
      kind === 'bound' ? {label, ...flat, stroke: colour('--bad'), dash: bounds++ ? [] : [6, 4]}
      : kind === 'judged' ? {label, ...flat, stroke: colour('--soft'), dash: [2, 3]}
      : {label, stroke: seriesColour(usages++), width: 2, spanGaps: true, points: {size: 4}});
    return plot(place, width, 260, {
      scales: {x: {time: false}, y: {range: (_, least, most) => [Math.min(0, least), most * 1.08 || 1]}},
      legend: {markers: {width: 2, dash: (_, i) => lineStyle(series[i - 1])}},
      series: [{label: 'ms', value: (_, value) => number(value)},
               ...series.map(one => ({...one, value: (_, value) => number(value)}))],
      axes: [axis('ms since the start', {size: 36}), axis(chart.unit, {size: 56})],
      hooks: {draw: [marks(chart.events.map(({at_ms}, i) => ({at: at_ms, label: String(i + 1)})), '--warn')]},
    }, [chart.at_ms, ...chart.series.map(({values}) => values)]);
  };
}

function usage(chart) {
  const rows = () => inScroller('Readings', make('table', {},
    head(['ms', ...chart.series.map(({label}) => label)]),
    make('tbody', {}, chart.at_ms.map((at, i) => make('tr', {},
      make('th', {scope: 'row'}, number(at)), chart.series.map(({values}) => make('td', {}, number(values[i]))))))));
  return [
    make('h4', {}, `${chart.title[0].toUpperCase()}${chart.title.slice(1)} ${
      chart.series.some(({kind}) => kind === 'bound') ? 'against its bound' : 'over time'}`),
    chartPlace(textOfChart(chart), drawUsage(chart)),
    chart.events.length > 0 && make('ol', {class: 'events'},
      chart.events.map(({at_ms, text}) => make('li', {}, `at ${number(at_ms)} ms: ${text}`))),
    lazily('Readings as a table', rows),
  ].filter(Boolean);
}

/** Latency and fairness as measured; nothing where nothing was. */
function measuredOf({latency = [], fairness = []}) {
  const table = (title, names, rows) => rows.length > 0 && lazily(title, () => inScroller(title, make('table', {},
    head(names), make('tbody', {}, rows.map(([first, ...cells]) => make('tr', {},
      make('th', {scope: 'row'}, first), cells.map(cell => make('td', {}, cell))))))));
  return [
    table('Scheduling latency', ['of', 'what', 'times', 'p50 ms', 'p99 ms', 'max ms'],
      latency.map(row => [row.who, row.what, String(row.count), ...[row.p50_ms, row.p99_ms, row.max_ms].map(number)])),
    table('Fairness among siblings', ['children of', 'children', 'Jain’s index', 'worst lag ms', 'of'],
      fairness.map(row => [row.group, String(row.children), number(row.jain), number(row.worst_lag_ms), row.worst])),
  ].filter(Boolean);
}

function environmentOf(details) {
  const {health} = details;
  const taint = health && (health.taint_before === health.taint_after ? String(health.taint_after)
    : `${health.taint_before} before, ${health.taint_after} after`);
  return make('details', {}, make('summary', {}, 'Environment'),
    facts([['machine', details.machine], ...(details.environment || []), ['taint', taint]]),
    health && health.log.length > 0 && [make('h4', {}, 'Kernel log'), make('pre', {}, health.log.join('\n'))]);
}

function detailsOf(failure, details) {
  const parts = [];
  if (details.trouble) parts.push(make('p', {class: 'note'}, `Its file cannot be read: ${details.trouble}`));
  const shrunk = details.original && !failure.flaky
    ? `shrunk in ${many(details.shrink_runs, 'run')}, ${details.minimum_proven
      ? 'no smaller candidate fails as surely' : 'the budget ran out before every smaller one was tried'}` : '';
  const trees = [];
  if (details.minimal) {
    trees.push(make('div', {}, make('h4', {}, failure.flaky ? 'As drawn' : 'Minimal tree'),
      shrunk && make('p', {class: 'note'}, shrunk), drawTree(details.minimal)));
  }
  if (details.original && !failure.flaky) {
    trees.push(make('div', {}, make('h4', {}, 'As drawn'),
      make('p', {class: 'note'}, `${details.placement}; failed again in ${details.original_rate}`),
      drawTree(details.original)));
  }
  parts.push(make('div', {class: 'pair'}, trees));
  if (details.chart) parts.push(...usage(details.chart));
  parts.push(...measuredOf(details));
  if (details.environment) parts.push(environmentOf(details));
  return parts;
}

function showFailures() {
  const section = byId('failures');
  section.append(make('p', {id: 'said', class: 'note', 'aria-live': 'polite'}));
  if (report.failures.length === 0) section.append(make('p', {}, 'None was seen.'));
  for (const failure of report.failures) {
    const details = failure.details;
    section.append(make('article', {class: failure.flaky ? 'failure flaky' : 'failure', 'data-failure': failure.id},
      make('h3', {}, failure.flaky ? `Flaky, not seen again: ${failure.title}` : failure.title),
      details && details.sentence && make('p', {}, details.sentence),
      make('div', {class: 'command'}, make('code', {}, failure.command), copyButton(failure.command)),
      facts([['seen', `${many(failure.times, 'time')}, first ${failure.first_seen}, last ${failure.last_seen}`],
             ['fails in', `${failure.violated} of ${many(failure.runs, 'run')}`],
             ['on', failure.kernels],
             ['found by', details && details.found_by || ''],
             ['file', failure.file]]),
      details ? detailsOf(failure, details)
              : make('p', {class: 'note'}, 'Told in short, since the page has many: treeline show tells all of the file.')));
  }
}

// Invariants and margins

const swatch = i => paint(make('span', {class: 'swatch', 'data-series': i, 'aria-hidden': 'true'}));
function paint(element) {
  element.style.background = seriesColour(Number(element.dataset.series));
  return element;
}
const nameOf = row => report.subjects[row.subject].name;
const share = (row, bin) => 100 * row.bins[bin] / row.margins.scenarios;
const drift = ({latest, earlier}) => latest && earlier ? latest.median - earlier.median : null;
const signed = value => value === null ? '–' : `${value > 0 ? '+' : ''}${number(value)}`;
const binName = i => `${number(i * report.bin_width)} – ${number((i + 1) * report.bin_width)}`;

function showInvariants() {
  const hasDrift = report.invariants.some(({rows}) => rows.some(row => row.earlier));
  const table = make('table', {id: 'checks'}, make('caption', {}, 'Checks and margins by kernel and invariant'),
    head(['invariant', 'held', 'violated', 'inconclusive', 'median', 'worst',
          ...(hasDrift ? ['drift of the median', 'worst before'] : [])]));
  report.subjects.forEach((subject, index) => {
    const rows = report.invariants.flatMap(({name, rows}) =>
      rows.filter(row => row.subject === index).map(row => ({name, row})));
    if (rows.length === 0) return;
    table.append(make('tbody', {},
      make('tr', {}, groupHead(hasDrift ? 8 : 6, subject.name)),
      rows.map(({name, row}) => make('tr', {'data-invariant': name, 'data-subject': index},
        make('th', {scope: 'row'}, name),
        ['held', 'violated', 'inconclusive'].map(column => figure(column, row[column])),
        ['median', 'worst'].map(column =>
          make('td', {'data-figure': column}, brief(row.margins && row.margins[column]))),
        hasDrift && make('td', {'data-figure': 'drift'}, signed(drift(row))),
        hasDrift && make('td', {'data-figure': 'before'}, brief(row.earlier && row.earlier.worst))))));
  });
  byId('invariants').append(
    !hasDrift ? '' : make('p', {}, `Drift is the median margin of the last ${report.by_day ? 'day' : 'search'} less that of all before.`),
    report.invariants.length > 0 ? inScroller('Checks by invariant and kernel', table) : make('p', {}, 'None was judged.'));
}

function drawHistogram(rows) {
  return (place, width) => {
    const bins = rows[0].bins.length;
    const edges = Array.from({length: bins + 1}, (_, i) => i * report.bin_width);
    const steps = uPlot.paths.stepped({align: 1});
    return plot(place, width, 190, {
      title: 'Distribution',
      legend: {show: false},
      scales: {x: {time: false}, y: {range: (_, least, most) => [0, most || 1]}},
      series: [{}, ...rows.map(row => ({label: nameOf(row), stroke: seriesColour(row.subject), width: 2, paths: steps,
        dash: seriesDash(row.subject), fill: `${seriesColour(row.subject)}33`, points: {show: false}}))],
      axes: [axis('margin', {size: 36}), axis('% of scenarios', {size: 46})],
      hooks: {draw: [marks([{at: 1}], '--bad')]},
    }, [edges, ...rows.map(row => [...row.bins.map((_, i) => share(row, i)), 0])]);
  };
}

function drawDrift(rows) {
  return (place, width) => {
    const at = [...new Set(rows.flatMap(row => row.periods.at))].sort((a, b) => a - b);
    const values = (row, name) => at.map(time => {
      const i = row.periods.at.indexOf(time);
      return i < 0 ? null : row.periods[name][i];
    });
    const series = rows.flatMap(row => ['worst', 'median'].map(name => ({row, name})));
    return plot(place, width, 190, {
      title: 'Worst (line) and median (dots) over time',
      legend: {show: false},
      scales: {y: {range: (_, least, most) => [0, Math.max(1.05, most * 1.05)]}},
      series: [{}, ...series.map(({row, name}) => ({label: `${nameOf(row)}, ${name}`, spanGaps: true,
        stroke: seriesColour(row.subject), width: name === 'worst' ? 2 : 1.5,
        dash: name === 'worst' ? seriesDash(row.subject) : [2, 4], points: {size: 5}}))],
      axes: [axis(undefined, {size: 36, space: 60, values: (_, splits, __, ___, step) => splits.map(time => clock(time, step))}),
             axis('margin', {size: 46})],
      hooks: {draw: [horizontal(1)]},
    }, [at, ...series.map(({row, name}) => values(row, name))]);
  };
}

/** Local time, as precise as the ticks are apart. */
function clock(seconds, step) {
  const at = new Date(seconds * 1000);
  const two = value => String(value).padStart(2, '0');
  const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return step >= 86400 ? day : step >= 21600 ? `${day} ${two(at.getHours())}h`
    : `${two(at.getHours())}:${two(at.getMinutes())}${step < 60 ? `:${two(at.getSeconds())}` : ''}`;
}

function horizontal(value) {
  return plot => {
    const {ctx, bbox} = plot;
    const y = Math.round(plot.valToPos(value, 'y', true));
    ctx.save();
    ctx.strokeStyle = colour('--bad');
    ctx.lineWidth = devicePixelRatio * 1.5;
    ctx.setLineDash([]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.restore();
  };
}

function marginTables(rows) {
  const used = rows[0].bins.map((_, i) => i).filter(i => rows.some(row => row.bins[i] > 0));
  const names = rows.map(nameOf);
  return make('div', {},
    inScroller('Distribution', make('table', {}, make('caption', {}, 'Scenarios by margin'), head(['margin', ...names]),
      make('tbody', {}, used.map(i => make('tr', {},
        make('th', {scope: 'row'}, i === rows[0].bins.length - 1 ? `above ${number(i * report.bin_width)}` : binName(i)),
        rows.map(row => figure('bin', row.bins[i]))))))),
    rows.map(row => inScroller('Over time', make('table', {}, make('caption', {}, nameOf(row)),
      head([report.by_day ? 'day' : 'search', 'scenarios', 'median', 'worst']),
      make('tbody', {}, row.periods.labels.map((label, i) => make('tr', {},
        make('th', {scope: 'row'}, label), make('td', {}, row.periods.scenarios[i]),
        make('td', {}, number(row.periods.median[i])), make('td', {}, number(row.periods.worst[i])))))))));
}

function textOfMargins(name, rows) {
  return `${name}: ${rows.map(row => `${nameOf(row)} median ${number(row.margins.median)}, worst ${
    number(row.margins.worst)} in ${many(row.margins.scenarios, 'scenario')}`).join('; ')}.`;
}

function showMargins() {
  const cards = make('div', {class: 'cards'});
  for (const invariant of report.invariants) {
    const rows = invariant.rows.filter(row => row.margins);
    if (rows.length === 0) continue;
    const text = textOfMargins(invariant.name, rows);
    const hasTime = rows.some(row => row.periods.at.length > 1);
    cards.append(make('article', {'data-margins': invariant.name},
      make('h3', {}, invariant.name),
      make('ul', {class: 'legend'}, rows.map(row => make('li', {}, swatch(row.subject),
        `${nameOf(row)}: median ${number(row.margins.median)}, worst ${number(row.margins.worst)}, ${
          many(row.margins.scenarios, 'scenario')}`))),
      chartPlace(`Distribution of ${text}`, drawHistogram(rows)),
      hasTime && chartPlace(`Over time, ${text}`, drawDrift(rows)) || '',
      lazily('Figures as a table', () => marginTables(rows))));
  }
  byId('margins').append(cards.children.length > 0 ? cards : make('p', {}, 'No invariant gave a margin.'));
}

function showKernels() {
  for (const subject of report.subjects) {
    byId('kernels').append(make('details', {}, make('summary', {}, subject.name),
      facts([['machine', subject.machine], ['planted fault', subject.fault], ...(subject.environment || [])])));
  }
}

showSummary();
showFailures();
showInvariants();
showMargins();
showKernels();
document.documentElement.dataset.ready = 'true';
})();
