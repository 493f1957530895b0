/** What an operator may look at: Prometheus metrics. Labels are few and known beforehand; none is a person. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { Metric } from '../core/ports.ts'

/** What the port of the core and of relay/http counts, and as what it is shown. */
const counted: Record<string, { help: string; labels: string[] }> = {
  frames: { help: 'Frames on sockets, by direction and type', labels: ['direction', 'type'] },
  refusals: { help: 'Events that a room refused, by code', labels: ['code', 'event'] },
  room_failures: { help: 'Events that failed in a room: our mistake, or the disk', labels: [] },
  http_requests: { help: 'HTTP requests', labels: ['method', 'route', 'status'] },
  limits_hit: { help: 'How often a limit against abuse held somebody back', labels: ['limit'] },
}

export interface Gauges {
  connections(): number
  waitingConnections(): number
  rooms(): number
  queuedRows(): number
  databaseBytes(): number
  walBytes(): number
  freeBytes(): number
  ready(): boolean
}

export interface Metrics {
  metric: Metric
  /** A commit became durable. */
  committed(seconds: number, rows: number): void
  /** Where the gauges look; before that they are not shown. */
  watch(gauges: Gauges): void
  /** The text that Prometheus reads, and its type. */
  read(): Promise<{ text: string; type: string }>
}

const none: Metrics = {
  metric: () => undefined,
  committed: () => undefined,
  watch: () => undefined,
  read: async () => ({ text: '', type: 'text/plain' }),
}

/** `on: false` costs nothing. */
export function createMetrics({ on }: { on: boolean }): Metrics {
  if (!on) return none
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counters = new Map(
    Object.entries(counted).map(([name, { help, labels }]) => [
      name,
      new Counter({ name: `parley_${name}_total`, help, labelNames: labels, registers }),
    ]),
  )
  const commitSeconds = new Histogram({
    name: 'parley_commit_seconds',
    help: 'From asking for a write to its being durable',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  })
  const commitRows = new Histogram({
    name: 'parley_commit_rows',
    help: 'Rows that one commit made durable',
    buckets: [1, 3, 10, 30, 100, 300, 1000, 3000],
    registers,
  })

  function gauge(name: string, help: string, value: () => number) {
    return new Gauge({
      name: `parley_${name}`,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  }

  return {
    metric: (name, labels = {}, value = 1) => counters.get(name)?.inc(labels, value),
    committed(seconds, rows) {
      commitSeconds.observe(seconds)
      commitRows.observe(rows)
    },
    watch(gauges) {
      gauge('connections', 'Open sockets', gauges.connections)
      gauge('connections_waiting', 'Open sockets that have not signed in', gauges.waitingConnections)
      gauge('rooms_loaded', 'Rooms in memory', gauges.rooms)
      gauge('commit_queue_rows', 'Rows that wait to be written', gauges.queuedRows)
      gauge('database_bytes', 'Size of the database file', gauges.databaseBytes)
      gauge('wal_bytes', 'Size of its write-ahead log', gauges.walBytes)
      gauge('disk_free_bytes', 'Free space where the data lie', gauges.freeBytes)
      gauge('ready', 'Whether /readyz says yes', () => (gauges.ready() ? 1 : 0))
    },
    read: async () => ({ text: await registry.metrics(), type: registry.contentType }),
  }
}
