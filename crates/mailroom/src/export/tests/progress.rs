//! What whoever watches an export is told.

use super::*;

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Told {
    planned: Mutex<Vec<Estimate>>,
    fetched: Mutex<Vec<(u64, Option<u64>)>>,
}

impl Progress for Told {
    fn planned(&self, estimate: &Estimate) {
        let mut planned = self.planned.lock().expect("no test panics with it");
        planned.push(*estimate);
    }

    fn fetched(&self, octets: u64, estimated: Option<u64>) {
        let mut fetched = self.fetched.lock().expect("no test panics with it");
        fetched.push((octets, estimated));
    }

    fn waits(&self, _: &MailError, _: Duration) {}
}

impl Told {
    async fn of(export: &Export) -> (Estimate, Vec<(u64, Option<u64>)>) {
        let told = Self::default();
        export.run(&told).await.expect("it works");
        let planned = told.planned.into_inner().expect("no test panics with it");
        let [estimate] = planned[..] else {
            panic!("it is planned once: {planned:?}")
        };
        let fetched = told.fetched.into_inner();
        (estimate, fetched.expect("no test panics with it"))
    }
}

#[tokio::test(start_paused = true)]
async fn the_steps_make_up_what_was_planned() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    {
        let mut server = server.lock().expect("no test panics with it");
        server.vanishing = BTreeSet::from([3]);
    }
    let export = export(&server, folder.path(), Format::Maildir);
    let (estimate, fetched) = Told::of(&export).await;
    assert_eq!((estimate.folders, estimate.messages), (2, 10));
    let steps: Option<u64> = fetched.iter().map(|(_, estimated)| *estimated).sum();
    assert_eq!(estimate.octets, steps);
    assert!(estimate.octets > Some(0));
    let real: u64 = fetched.iter().map(|(octets, _)| octets).sum();
    let gone = raw(3).len() as u64;
    assert_eq!(Some(real + gone), estimate.octets, "one was gone");

    let (again, fetched) = Told::of(&export).await;
    assert_eq!(again.octets.zip(Some(fetched.len())), Some((gone, 1)));
    assert_eq!((again.messages, again.earlier), (1, 9));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_is_not_counted_as_nothing() {
    let (server, folder) = (server(), tempfile::tempdir().expect("a folder"));
    server.lock().expect("no test panics with it").sizeless = true;
    let export = export(&server, folder.path(), Format::Eml);
    let (estimate, fetched) = Told::of(&export).await;
    assert_eq!((estimate.messages, estimate.octets), (10, None));
    assert!(fetched.iter().all(|step| step.0 > 0 && step.1.is_none()));
    assert_eq!(fetched.len(), 10);
}
