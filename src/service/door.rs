//! The way in, and out again in an envelope. Look-ups of vouchers come by the thousands a second: they are answered
//! at once, for the way through actix-web's layers and routes takes longer than a look-up. It is the way of
//! everything else.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use actix_http::Request;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Response, Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::{Error, HttpMessage, HttpResponse};
use futures_util::future::Either;

use super::body;
use super::counts::Counts;
use super::envelope::{Asked, Envelope};
use super::gate::Need;
use super::routes::caught;
use super::state::State;
use super::voucher;

/// A worker's own.
pub struct Door {
    pub state: Arc<State>,
    pub counts: Counts,
    /// Whether pages of other sites may ask, which one of actix-web's layers is for.
    pub others: bool,
}

/// Left with a request by who answers for a path that the routes do not know.
pub struct Routed(pub String);

impl Door {
    pub fn enter<A, B>(
        self: &Rc<Self>,
        request: Request,
        app: &A,
    ) -> impl Future<Output = Result<Response<BoxBody>, Error>> + use<A, B>
    where
        A: Service<Request, Response = ServiceResponse<B>, Error = Error>,
        B: MessageBody + 'static,
    {
        let envelope = Envelope::new(request.head());
        let is_look_up = request.method() == Method::POST && !self.others;
        match voucher::path(request.path()).filter(|_| is_look_up) {
            Some(path) => Either::Left(self.clone().look_up(request, path, envelope)),
            None => Either::Right(self.clone().pass(app.call(request), envelope)),
        }
    }

    async fn look_up(
        self: Rc<Self>,
        request: Request,
        path: &'static str,
        envelope: Envelope,
    ) -> Result<Response<BoxBody>, Error> {
        let (head, mut payload) = request.into_parts();
        let answer = caught(async {
            self.state.gate.admit(Need::Read, &head)?;
            voucher::answer(&head, &mut payload, &self.state, envelope.began).await
        });
        let (response, left) = match answer.await {
            Ok(response) => (response, None),
            Err(problem) => (HttpResponse::from_error(problem), Some(payload)),
        };
        let asked = Asked { head: &head, route: path.into(), path };
        Ok(body::hang_up_after(envelope.around(response, asked, Some(&self)), left).into())
    }

    async fn pass<B: MessageBody + 'static>(
        self: Rc<Self>,
        answer: impl Future<Output = Result<ServiceResponse<B>, Error>>,
        envelope: Envelope,
    ) -> Result<Response<BoxBody>, Error> {
        let (request, response) = answer.await?.into_parts();
        let routed = request.extensions_mut().remove::<Routed>();
        let asked = match &routed {
            Some(Routed(path)) => Asked { head: request.head(), route: path.clone().into(), path },
            None => {
                // What nobody answers for counts as one route, so that guesses cost no memory.
                let route = request.match_pattern().map_or("unknown".into(), Into::into);
                Asked { head: request.head(), route, path: request.path() }
            }
        };
        let response = envelope.around(response.map_into_boxed_body(), asked, Some(&self));
        Ok(body::hang_up_after(response, body::left(&request)).into())
    }
}
