//! linfa's adapter: tasks in, jobs out.

mod agglomerative;
mod dbscan;
mod decide;
mod dual_descent;
mod folds;
mod kmeans;
mod kmeans_moves;
mod kmeans_own;
mod knn;
mod knn_folds;
mod lasso;
mod linear;
mod linear_svc;
mod logistic;
mod machines;
mod mersenne;
mod mixture;
#[cfg(feature = "gaussian-mixture")]
mod mixture_own;
mod mixture_start;
mod nu_svc;
mod pairs;
mod pca;
mod platt;
mod regression;
mod ridge;
mod scaler;
mod search;
mod svc;
mod svc_folds;
mod svc_many;
#[cfg(feature = "svr")]
mod svr;

use decide::{Mean, Vote};
use mlfleet_sdk::{Origin, Service, locked_version, start_rayon};

/// linfa and the tasks it can do.
#[must_use]
pub fn service() -> Service {
    let service = Service::new("linfa", locked_version("linfa"))
        .task("kmeans.fit", Origin::Stock, "ndarray", kmeans::fit)
        .task("scaler.fit", Origin::Stock, "ndarray", scaler::fit)
        .task("scaler.transform", Origin::Stock, "ndarray", scaler::transform)
        .task(
            "linear.fit",
            Origin::Stock,
            "linfa-linalg: Householder's QR beside a column of ones",
            linear::fit,
        )
        .task("linear.predict", Origin::Stock, "ndarray", linear::predict)
        .task("kmeans.predict", Origin::Stock, "ndarray", kmeans::predict)
        .task("kmeans_pp.fit", Origin::Stock, "ndarray", kmeans_own::fit)
        .task("kmeans_defaults.fit", Origin::Stock, "ndarray", kmeans_own::defaults)
        .task("dbscan.fit", Origin::Stock, "linfa-nn", dbscan::fit)
        .task("agglomerative.fit", Origin::InRepo, "kodama", agglomerative::fit)
        .task(
            "gaussian_mixture.em",
            Origin::InRepo,
            "ndarray, linfa-linalg",
            mixture::fit,
        )
        .task("gaussian_mixture.predict", Origin::InRepo, "ndarray", mixture::predict)
        .task("ridge.fit", Origin::InRepo, "ndarray, linfa-linalg", ridge::fit)
        .task("ridge.predict", Origin::InRepo, "ndarray", ridge::predict)
        .task(
            "ridge.cross_validate",
            Origin::InRepo,
            "ndarray, linfa-linalg",
            ridge::cross_validate,
        )
        .task("lasso.fit", Origin::Stock, "linfa-elasticnet", lasso::fit)
        .task("lasso.predict", Origin::Stock, "ndarray", lasso::predict)
        .task(
            "lasso.cross_validate",
            Origin::InRepo,
            "linfa-elasticnet",
            lasso::cross_validate,
        )
        .task(
            "elastic_net.fit",
            Origin::Stock,
            "linfa-elasticnet",
            lasso::elastic_net_fit,
        )
        .task(
            "elastic_net.predict",
            Origin::Stock,
            "ndarray",
            lasso::elastic_net_predict,
        )
        .task("linear_svc.fit", Origin::InRepo, "ndarray", linear_svc::fit)
        .task("linear_svc.predict", Origin::InRepo, "ndarray", linear_svc::predict)
        .task("svc.fit", Origin::Stock, "linfa-svm", svc::fit)
        .task("svc.predict", Origin::Stock, "linfa-svm", svc::predict)
        .task(
            "svc.cross_validate",
            Origin::InRepo,
            "linfa-svm",
            svc_folds::cross_validate,
        )
        .task("svc.calibrate", Origin::InRepo, "linfa-svm", svc_folds::calibrate)
        .task(
            "svc.predict_proba",
            Origin::InRepo,
            "linfa-svm",
            svc_folds::predict_proba,
        )
        .task("svc_ovo.fit", Origin::InRepo, "linfa-svm", svc_many::fit_ovo)
        .task("svc_ovo.predict", Origin::InRepo, "linfa-svm", svc_many::predict_ovo)
        .task("svc_ovr.fit", Origin::InRepo, "linfa-svm", svc_many::fit_ovr)
        .task("nu_svc.fit", Origin::Stock, "linfa-svm", nu_svc::fit)
        .task("nu_svc.predict", Origin::InRepo, "linfa-svm", nu_svc::predict)
        .task("nu_svc_ovo.fit", Origin::InRepo, "linfa-svm", nu_svc::fit_ovo)
        .task("knn_classify.predict", Origin::InRepo, "linfa-nn", knn::predict::<Vote>)
        .task("knn_regress.predict", Origin::InRepo, "linfa-nn", knn::predict::<Mean>)
        .task("knn_classify.fit", Origin::Stock, "linfa-nn", knn::fit::<Vote>)
        .task("knn_regress.fit", Origin::Stock, "linfa-nn", knn::fit::<Mean>)
        .task(
            "knn_classify.cross_validate",
            Origin::InRepo,
            "linfa-nn",
            knn_folds::validate,
        )
        .task("logistic.fit", Origin::Stock, "linfa-logistic", logistic::fit)
        .task("pca.fit", Origin::Stock, "linfa-reduction, linfa-linalg", pca::fit)
        .fact("ndarray", locked_version("ndarray"))
        .fact("linfa-linalg", locked_version("linfa-linalg"))
        .fact("kodama", locked_version("kodama"))
        .fact("matrixmultiply", locked_version("matrixmultiply"))
        .fact("rayon", "the main thread is one of the pool's")
        .fact("blas", "none: matrixmultiply and linfa-linalg, both Rust")
        .pool("rayon", locked_version("rayon-core"), start_rayon);
    #[cfg(feature = "gaussian-mixture")]
    let service = service.task(
        "gaussian_mixture.fit",
        Origin::Stock,
        "ndarray, linfa-linalg",
        mixture_own::fit,
    );
    #[cfg(feature = "svr")]
    let service = service.task("svr.fit", Origin::Stock, "linfa-svm", svr::fit).task(
        "svr.predict",
        Origin::Stock,
        "linfa-svm",
        svr::predict,
    );
    service
}
