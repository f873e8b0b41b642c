//! Figures for the operator, in the text form of Prometheus.
//!
//! The recorder is this server's own and not the process's, so that two servers in one process do not mix their
//! figures. Labels come from closed lists: no input can add a series.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use hyper::{Method, StatusCode};
use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// Upper ends of the buckets of the request times, in seconds: from a tile out of memory to a receipt that waits for
/// witnesses.
const BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Which resource answered. Handlers put it into the extensions of their response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource(pub &'static str);

/// A series: the resource, the method, and the class of the status.
type Series = (&'static str, &'static str, &'static str);

/// The figures of one server.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Where each series of requests is counted and timed: looked up by every answer, made by the first.
    requests: RwLock<HashMap<Series, (Counter, Histogram)>>,
    connections: AtomicUsize,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("connections", &self.connections).finish_non_exhaustive()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let matcher = Matcher::Full("colophon_http_request_seconds".to_owned());
        let builder = PrometheusBuilder::new();
        // The only error is an empty list of buckets.
        let builder = builder.set_buckets_for_metric(matcher, BUCKETS).unwrap_or_default();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        let metrics = Self { recorder, handle, requests: RwLock::default(), connections: AtomicUsize::new(0) };
        // A rate of what appears with its first event misses that event.
        for (name, whats) in EVENTS {
            whats.iter().for_each(|what| metrics.count(event(name, what), 0));
        }
        metrics
    }
}

/// What may happen to connections, each with the words that say what.
const EVENTS: [(&str, &[&str]); 2] = [
    ("colophon_http_dropped_total", &["made_room", "slow_head", "slow_read", "no_progress"]),
    ("colophon_http_refused_total", &["full", "accept_failed"]),
];

fn event(name: &'static str, what: &'static str) -> Key {
    Key::from_parts(name, vec![Label::from_static_parts("what", what)])
}

const METADATA: Metadata<'static> = Metadata::new("colophon", Level::INFO, None);

impl Metrics {
    /// Counts an answered request.
    pub fn answered(&self, resource: Resource, method: &Method, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            _ => "other",
        };
        let class = match status.as_u16() / 100 {
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            5 => "5xx",
            _ => "other",
        };
        let count = |(requests, seconds): &(Counter, Histogram)| {
            requests.increment(1);
            seconds.record(took.as_secs_f64());
        };
        let series = (resource.0, method, class);
        // Nothing is left half-done under this lock.
        let known = self.requests.read().unwrap_or_else(PoisonError::into_inner).get(&series).map(count);
        if known.is_none() {
            let mut all = self.requests.write().unwrap_or_else(PoisonError::into_inner);
            count(all.entry(series).or_insert_with(|| self.register(series)));
        }
    }

    fn register(&self, (resource, method, class): Series) -> (Counter, Histogram) {
        let resource = Label::from_static_parts("resource", resource);
        let labels = vec![
            resource.clone(),
            Label::from_static_parts("method", method),
            Label::from_static_parts("status", class),
        ];
        let requests = Key::from_parts("colophon_http_requests_total", labels);
        let seconds = Key::from_parts("colophon_http_request_seconds", vec![resource]);
        (self.recorder.register_counter(&requests, &METADATA), self.recorder.register_histogram(&seconds, &METADATA))
    }

    /// Counts something that happened, with one word that says what.
    pub fn event(&self, name: &'static str, what: &'static str) {
        self.count(event(name, what), 1);
    }

    /// Sets a figure that goes up and down.
    pub fn gauge(&self, name: &'static str, value: f64) {
        self.recorder.register_gauge(&Key::from_static_name(name), &METADATA).set(value);
    }

    /// Sets a counter that is kept elsewhere.
    pub fn total(&self, name: &'static str, value: u64) {
        self.recorder.register_counter(&Key::from_static_name(name), &METADATA).absolute(value);
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Everything, in the text form of Prometheus.
    pub fn render(&self) -> String {
        self.gauge("colophon_http_connections", self.connections() as f64);
        self.handle.render()
    }

    /// Folds samples into their buckets; without it they would pile up until somebody asks for the figures.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    fn count(&self, key: Key, by: u64) {
        self.recorder.register_counter(&key, &METADATA).increment(by);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn requests_are_counted_by_resource_and_class_and_two_servers_do_not_mix() {
        let (one, two) = (Metrics::default(), Metrics::default());
        for status in [200, 201, 404] {
            let status = StatusCode::from_u16(status).unwrap();
            one.answered(Resource("tile"), &Method::GET, status, Duration::from_millis(2));
        }
        one.event("colophon_connections_closed_total", "slow_head");
        one.total("colophon_log_entries_total", 7);
        one.upkeep();
        let text = one.render();
        assert!(
            text.contains(r#"colophon_http_requests_total{resource="tile",method="GET",status="2xx"} 2"#),
            "{text}"
        );
        assert!(text.contains(r#"colophon_http_requests_total{resource="tile",method="GET",status="4xx"} 1"#));
        assert!(text.contains(r#"colophon_http_request_seconds_bucket{resource="tile",le="0.0025"} 3"#), "{text}");
        assert!(text.contains(r#"colophon_connections_closed_total{what="slow_head"} 1"#));
        assert!(text.contains("colophon_log_entries_total 7"));
        assert!(!two.render().contains("tile"));
    }

    #[test]
    fn what_may_happen_to_a_connection_is_counted_from_nought() {
        let text = Metrics::default().render();
        for (name, whats) in EVENTS {
            for what in whats {
                assert!(text.contains(&format!("{name}{{what=\"{what}\"}} 0")), "{name} {what}: {text}");
            }
        }
        // No event of the code is missing from the list.
        let sources = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap();
        let sources = sources.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let code: String = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
        for (name, whats) in EVENTS {
            for event in code.split(&format!("event(\"{name}\", \"")).skip(1) {
                let what = event.split('"').next().unwrap();
                assert!(whats.contains(&what), "{name} {what}");
            }
        }
        for dropped in code.split("Verdict::Drop(\"").skip(1) {
            let what = dropped.split('"').next().unwrap();
            assert!(EVENTS[0].1.contains(&what), "{what}");
        }
    }

    #[test]
    fn an_invented_method_adds_no_series() {
        let metrics = Metrics::default();
        for method in ["BREW", "WHEN"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            metrics.answered(Resource("none"), &method, StatusCode::NOT_FOUND, Duration::ZERO);
        }
        assert!(metrics.render().contains(r#"method="other",status="4xx"} 2"#));
    }
}
